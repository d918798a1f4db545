// /ws: streams events over a WebSocket (RFC 6455).
// GET → 101 | 400 if the request is not for a WebSocket | 401 | 422. After 101 the socket closes
// with 1008 if the caller has no valid proof, when the proof expires, or when the caller's user is
// disabled or deleted, and with 1013 if the caller has too many streams.
#include "shared/events/feed.hpp"
#include "shared/handler.hpp"
#include "shared/limits/open_streams.hpp"
#include "shared/websocket/websocket.hpp"

namespace {

std::string as_message(const Event& event) {
    return R"({"event":)" + in_one_line(event) + ",\"type\":\"event\"}\n";
}

// Tells a reader whose filter leaves out most events where to resume.
std::string position(const EventCursor& cursor) {
    return R"({"id":")" + cursor.text() + "\",\"type\":\"position\"}\n";
}

constexpr StreamFormat messages{as_message, position, {}};

std::string opening(const Identity& reader, bool is_reset) {
    std::string text;
    json::Writer writer{text};
    writer.begin_object();
    writer.key("status");
    writer.string("connected");
    writer.key("timestamp");
    writer.string(Timestamp::now().text());
    writer.key("type");
    writer.string("connection");
    writer.key("user");
    if (reader.user_id.empty())
        writer.null();
    else
        writer.string(reader.user_id);
    writer.end_object();
    text += '\n';
    if (is_reset)
        text +=
            "{\"reason\":\"the cursor is unknown: read everything again\",\"type\":\"reset\"}\n";
    return text;
}

Async<> follow(std::shared_ptr<Feed> feed, Stream& stream, std::string first,
               Subscription subscription, Clock::time_point until) {
    co_await stream.write(first);
    co_await feed->serve(stream, std::move(subscription), until);
    // Some of its events were removed, or the feed has another history. It may reconnect at once,
    // which a close with 1008 would not say.
    if (!stream.is_over() && Clock::now() < until) stream.abort();
}

Async<Response> open_socket(const Request& request, Context& context) {
    const auto& reader = request.identity();
    if (reader.user_id.empty() && reader.api_key.empty()) throw ApiError{Error::auth_required};
    const auto query = request.query<SocketQuery>();
    const EventFilter filter{query.types, query.subject};
    const auto place = take_stream_place(reader, context);
    const auto start = co_await start_reading(context, query.after);
    const Subscription subscription{Audiences{reader, context.config.board_public}, filter,
                                    start.cursor, messages, start.opened};
    co_return Response::stream("application/json", [feed = start.feed, place, subscription,
                                                    first = opening(reader, start.is_reset),
                                                    until = end_of(reader)](Stream& stream) {
        return follow(feed, stream, first, subscription, until);
    });
}

// Answers requests that are not for a WebSocket, or are for an unknown version of it.
Async<Response> refuse(const Request& request, Context&) {
    request.add_header("Sec-WebSocket-Version", "13");
    throw ApiError{Error::bad_request};
    co_return Response::no_content();
}

void serve(int listener, Loop& loop, const Endpoint& served, Context& context) {
    serve_websocket(listener, loop, served, open_socket, context);
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/ws",
        .tag = "events",
        .operations = {{.method = Method::get,
                        .handler = refuse,
                        .auth = Auth::reader,
                        .name = "connectWebSocket",
                        .summary = "Stream events over a WebSocket",
                        .description =
                            "Sends each event as a message "
                            "`{\"type\":\"event\",\"event\":{…}}`. It needs a token, an "
                            "API key or a ticket, and closes with 1008 once that has expired. "
                            "A request without the upgrade to a WebSocket is 400.",
                        .query_schema = schema_of<SocketQuery>,
                        .answer = websocket(),
                        .errors = {Error::bad_request, Error::auth_required}}},
        .serve = serve,
    };
}
