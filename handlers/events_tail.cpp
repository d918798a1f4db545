// /events/tail: streams events as Server-Sent Events (WHATWG HTML, section 9.2).
// GET → 200 text/event-stream | 401 | 422
#include "shared/events/feed.hpp"
#include "shared/handler.hpp"

namespace {

std::string as_server_sent(const Event& event) {
    return "id: " + event.id + "\nevent: " + event.type + "\ndata: " + in_one_line(event) + "\n\n";
}

// An id alone fires no event, but a browser that has not received one yet resumes from it.
std::string opening(const EventCursor& cursor, bool is_reset) {
    std::string text = ": connected\nretry: 3000\nid: " + cursor.text() + "\n";
    if (is_reset)
        text +=
            "event: reset\ndata: {\"reason\":\"the cursor is unknown: read everything again\"}\n";
    return text + "\n";
}

Async<> follow(std::shared_ptr<Feed> feed, Stream& stream, std::string first, Audiences audiences,
               EventCursor start, Clock::time_point until) {
    co_await stream.write(first);
    co_await feed->serve(stream, std::move(audiences), start, until, ": keep-alive\n\n");
}

Async<Response> tail(const Request& request, Context& context) {
    const auto query = request.query<TailQuery>();
    std::optional<std::string> after = query.after;
    if (!request.last_event_id().empty()) after = request.last_event_id();
    const auto start = co_await start_reading(context, after, as_server_sent);
    auto response =
        Response::stream("text/event-stream", [start, audiences = Audiences{request.identity()},
                                               first = opening(start.cursor, start.is_reset),
                                               until = end_of(request.identity())](Stream& stream) {
            return follow(start.feed, stream, first, audiences, start.cursor, until);
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
