// /events/tail: what happens, as it happens (Server-Sent Events, WHATWG HTML, section 9.2).
// GET → 200 text/event-stream | 401 | 422
#include <boost/asio/this_coro.hpp>

#include "shared/endpoint.hpp"
#include "shared/events/feed.hpp"
#include "sql/events.hpp"

namespace {

std::string as_server_sent(const Event& event) {
    return "id: " + event.id + "\nevent: " + event.type + "\ndata: " + in_one_line(event) + "\n\n";
}

// One of the process, as it is the one that asks the database.
struct Shared {
    std::shared_ptr<Feed> feed;
};

// The id alone fires no event, but is what a browser resumes by that has not got one yet.
std::string opening(const EventCursor& cursor, bool is_reset) {
    std::string text = ": connected\nretry: 3000\nid: " + cursor.text() + "\n";
    if (is_reset)
        text +=
            "event: reset\ndata: {\"reason\":\"the cursor is unknown: read everything anew\"}\n";
    return text + "\n";
}

Async<> follow(std::shared_ptr<Feed> feed, Stream& stream, std::string first, Audiences audiences,
               EventCursor start, Clock::time_point until) {
    co_await stream.write(first);
    co_await feed->pass_on(stream, std::move(audiences), start, until, ": keep-alive\n\n");
}

Async<Response> tail(const Request& request, Context& context) {
    const auto query = request.query<TailQuery>();
    std::optional<std::string> after = query.after;
    if (!request.last_event_id().empty()) after = request.last_event_id();
    const auto bounds = co_await context.db.one<EventBounds>(sql::event_bounds);
    const auto cursor = after ? bounds.resume(*after) : bounds.end();

    auto& feed = context.kept.get<Shared>().feed;
    const auto executor = co_await boost::asio::this_coro::executor;
    if (!feed) feed = std::make_shared<Feed>(executor.context(), context.db, as_server_sent);
    const auto start = cursor.value_or(bounds.end());
    auto response = Response::stream(
        "text/event-stream",
        [feed, start, audiences = Audiences{request.identity()}, first = opening(start, !cursor),
         until = end_of(request.identity())](Stream& stream) {
            return follow(feed, stream, first, audiences, start, until);
        });
    response.set("X-Accel-Buffering", "no");
    co_return response;
}

}  // namespace

const Endpoint endpoint{
    .path = "/events/tail",
    .family = Family::orchestrator,
    .operations = {{.method = Method::get,
                    .handler = tail,
                    .auth = Auth::reader,
                    .summary = "What happens, as it happens",
                    .query_schema = schema_of<TailQuery>,
                    .answer = {.status = 200, .is_stream = true}}},
};
