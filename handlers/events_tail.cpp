// /events/tail: streams events as Server-Sent Events (WHATWG HTML, section 9.2).
// GET → 200 text/event-stream | 401 | 422 | 429 if the reader has too many streams
#include "shared/events/feed.hpp"
#include "shared/handler.hpp"
#include "shared/limits/open_streams.hpp"

namespace {

std::string with_name(const Event& event) {
    return "id: " + event.id + "\nevent: " + event.type + "\ndata: " + in_one_line(event) + "\n\n";
}

std::string without_name(const Event& event) {
    return "id: " + event.id + "\ndata: " + in_one_line(event) + "\n\n";
}

// An id alone fires no event, but a browser resumes from it.
std::string position(const EventCursor& cursor) { return "id: " + cursor.text() + "\n\n"; }

constexpr std::string_view keep_alive = ": keep-alive\n\n";
constexpr StreamFormat named{with_name, position, keep_alive};
constexpr StreamFormat unnamed{without_name, position, keep_alive};

std::string opening(const FeedStart& start, const StreamFormat& format) {
    std::string text = ": connected\nretry: 3000\nid: " + start.cursor.text() + "\n";
    if (start.is_reset && &format == &named) text += "event: reset\n";
    if (start.is_reset)
        text +=
            "data: {\"reason\":\"the cursor is unknown: read everything again\","
            "\"type\":\"reset\"}\n";
    return text + "\n";
}

Async<> follow(std::shared_ptr<Feed> feed, Stream& stream, std::string first,
               Subscription subscription, Clock::time_point until) {
    co_await stream.write(first);
    co_await feed->serve(stream, std::move(subscription), until);
}

Async<Response> tail(const Request& request, Context& context) {
    const auto query = request.query<TailQuery>();
    const EventFilter filter{query.types, query.subject};
    const auto& format = query.event_names == "on" ? named : unnamed;
    std::optional<std::string> after = query.after;
    if (!request.last_event_id().empty()) after = request.last_event_id();
    const auto place = take_stream_place(request.identity(), context);
    const auto start = co_await start_reading(context, after);
    const Subscription subscription{Audiences{request.identity(), context.config.board_public},
                                    filter, start.cursor, format, start.opened};
    auto response =
        Response::stream("text/event-stream",
                         [feed = start.feed, place, subscription, first = opening(start, format),
                          until = end_of(request.identity())](Stream& stream) {
                             return follow(feed, stream, first, subscription, until);
                         });
    response.set("X-Accel-Buffering", "no");
    co_return response;
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/events/tail",
        .operations = {{.method = Method::get,
                        .handler = tail,
                        .auth = Auth::reader,
                        .name = "streamEvents",
                        .summary = "Stream events as Server-Sent Events",
                        .description =
                            "Sends each event as it happens, and a comment every 15 "
                            "seconds. `Last-Event-ID` or `after` continues a stream "
                            "without a gap; if that is not possible, the stream sends an "
                            "event `reset`. The stream ends once its token has expired.",
                        .query_schema = schema_of<TailQuery>,
                        .answer = event_stream()}},
    };
}
