// /api/v1/{user_id}/conversations/{id}/messages: what was said, the oldest first.
// GET  → 200 page | 304 | 401 | 403 | 404 | 412 | 422
// POST → 201 message | 401 | 403 | 404 | 413 | 415 | 422
#include "shared/handler.hpp"
#include "shared/models/conversation.hpp"
#include "shared/models/existence.hpp"
#include "sql/conversations.hpp"
#include "sql/messages.hpp"

namespace {

Position position_of(const Message& message) { return {{}, message.id}; }

// With `last` the newest ones, in the same order.
Async<Response> list(const Request& request, Context& context) {
    const auto id = request.id("id");
    const auto query = request.query<MessageQuery>();
    check_paging(query.cursor, query.offset);
    if (query.last && (query.cursor || query.offset != 0))
        throw ApiError{
            Error::validation_error,
            {{{"query", "last"}, "Value error, goes without offset and cursor", "value_error"}}};
    const auto name = "messages of " + std::to_string(id) + " of " + request.user_id();
    const auto start = query.cursor ? read_cursor(name, *query.cursor) : Position{};
    db::Batch batch;
    const auto listed =
        query.last ? batch.add<Message>(sql::list_last_messages, request.user_id(), id, *query.last)
                   : batch.add<Message>(sql::list_messages, request.user_id(), id, start.id,
                                        query.limit + 1, query.offset);
    const auto counted = batch.add<Total>(sql::count_messages, request.user_id(), id);
    const auto found = batch.add<Existence>(sql::conversation_exists, request.user_id(), id);
    const auto results = co_await context.db.run(std::move(batch));
    if (!results.one(found).exists) throw ApiError{Error::not_found};
    const auto total = results.one(counted).total;
    const auto messages = results.rows(listed);
    const auto count = static_cast<std::int64_t>(messages.size());
    if (query.last)
        co_return page(messages, *query.last, std::max<std::int64_t>(0, total - count), total, name,
                       position_of);
    co_return page(messages, query.limit, query.offset, total, name, position_of);
}

Async<Response> create(const Request& request, Context& context) {
    const auto id = request.id("id");
    const auto input = request.body<NewMessage>();
    db::Batch batch;
    batch.add(sql::touch_conversation, request.user_id(), id);
    const auto inserted =
        batch.add<Message>(sql::insert_message, request.user_id(), id, input.role, input.content);
    const auto results = co_await context.db.run(std::move(batch));
    const auto message = results.first(inserted);
    if (!message) throw ApiError{Error::not_found};
    // A message has no address of its own.
    co_return Response{201, json::write(*message)};
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/api/v1/{user_id}/conversations/{id}/messages",
        .shape = Shape::enveloped,
        .operations = {{.method = Method::get,
                        .handler = list,
                        .auth = Auth::owner,
                        .summary = "The messages of a conversation, the oldest first, page by page",
                        .query_schema = schema_of<MessageQuery>,
                        .answer = page_of<Message>(),
                        .errors = {Error::not_found}},
                       {.method = Method::post,
                        .handler = create,
                        .auth = Auth::owner,
                        .summary = "Add a message",
                        .request_schema = schema_of<NewMessage>,
                        .answer = created<Message>().with_etag(),
                        .message = "Message created",
                        .errors = {Error::not_found}}},
    };
}
