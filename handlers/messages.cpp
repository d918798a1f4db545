// /api/v1/{user_id}/conversations/{id}/messages: the messages of a conversation, oldest first.
// GET  → 200 page | 304 | 401 | 403 | 404 | 412 | 422
// POST → 201 message | 200 message that has the client_message_id | 401 | 403 | 404 | 413 | 415 |
// 422
#include "shared/conversations/add_messages.hpp"
#include "shared/handler.hpp"
#include "sql/messages.hpp"

namespace {

Position position_of(const Message& message) { return {{}, message.id}; }

// `last` selects the newest messages, in the same order.
Async<Response> list(const Request& request, Context& context) {
    const auto id = request.id("id");
    const auto query = request.query<MessageQuery>();
    check_paging(query.cursor, query.offset);
    if (query.last && (query.cursor || query.offset != 0))
        throw invalid({"query", "last"},
                      "Value error, last cannot be combined with offset or cursor");
    const auto name = "messages of " + std::to_string(id) + " of " + request.user_id();
    const auto start = query.cursor ? read_cursor(name, *query.cursor) : Position{};
    auto select =
        db::partial(query.last ? sql::list_last_messages : sql::list_messages,
                    db::named("user_id", request.user_id()), db::named("conversation_id", id),
                    db::named("limit", query.last.value_or(query.limit + 1)));
    if (!query.last)
        select.give(db::named("after_id", start.id), db::named("offset", query.offset));
    auto response = co_await answer_list<Message>(
        request, context, std::move(select), [&](const auto& messages, std::int64_t total) {
            const auto count = static_cast<std::int64_t>(messages.size());
            const auto offset =
                query.last ? std::max<std::int64_t>(0, total - count) : query.offset;
            return page(messages, query.last.value_or(query.limit), offset, total, name,
                        position_of);
        });
    co_return response;
}

Async<Response> create(const Request& request, Context& context) {
    const auto input = request.body<NewMessage>();
    const auto id = request.id("id");
    const RequestKey key{request, "messages of " + std::to_string(id)};
    std::vector<NewMessage> sent{input};
    const auto added = co_await add_messages(context.db, request.user_id(), id, std::move(sent),
                                             context.config.max_messages_per_conversation, key);
    // A message has no path of its own, so there is no Location.
    co_return Response{added.are_new ? 201 : 200, added.messages.front().text};
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/api/v1/{user_id}/conversations/{id}/messages",
        .also_at = {"/api/conversations/{id}/messages"},
        .shape = Shape::enveloped,
        .max_body = 262'144,
        .operations = {{.method = Method::get,
                        .handler = list,
                        .auth = Auth::owner,
                        .name = "listMessages",
                        .summary = "List the messages of a conversation, oldest first",
                        .description = "Returns a page of the messages of a conversation. `last` "
                                       "returns the newest ones instead.",
                        .query_schema = schema_of<MessageQuery>,
                        .answer = page_of<Message>(),
                        .errors = {Error::not_found}},
                       {.method = Method::post,
                        .handler = create,
                        .auth = Auth::owner,
                        .name = "createMessage",
                        .summary = "Add a message to a conversation",
                        .description =
                            "Adds a message of the user, the assistant, the system or a tool. "
                            "Refused with 404 if the conversation does not exist or belongs to "
                            "someone else. If the conversation has a message with this "
                            "`client_message_id` already, nothing changes, and that message is "
                            "returned with 200, whatever else the body says. The body has at most "
                            "256 KiB.",
                        .request_schema = schema_of<NewMessage>,
                        .answer = created<Message>().with_etag().or_existing(),
                        .message = "Message created",
                        .takes_idempotency_key = true,
                        .errors = {Error::quota_exceeded, Error::not_found}}},
    };
}
