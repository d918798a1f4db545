// /api/v1/{user_id}/conversations: the caller's own conversations.
// GET  → 200 page | 304 | 401 | 403 | 412 | 422
// POST → 201 conversation | 401 | 403 | 413 | 415 | 422
#include "shared/handler.hpp"
#include "shared/models/conversation.hpp"
#include "sql/conversations.hpp"

namespace {

Async<Response> list(const Request& request, Context& context) {
    const auto query = request.query<ConversationQuery>();
    check_paging(query.cursor, query.offset);
    const bool is_ascending = query.order == "asc";
    const bool by_creation = query.sort == "created_at";
    const auto name =
        "conversations " + query.sort + " " + query.order + " of " + request.user_id();
    const auto start =
        query.cursor ? read_cursor(name, *query.cursor) : before_all_moments(is_ascending);
    const auto& statement = by_creation
                                ? (is_ascending ? sql::list_conversations_by_created_at_asc
                                                : sql::list_conversations_by_created_at_desc)
                                : (is_ascending ? sql::list_conversations_by_updated_at_asc
                                                : sql::list_conversations_by_updated_at_desc);
    auto select = db::partial(statement, db::named("user_id", request.user_id()),
                              db::named("after_key", moment_of_key(start.key)),
                              db::named("after_id", start.id), db::named("limit", query.limit + 1),
                              db::named("offset", query.offset));
    const auto position_of = [&](const Conversation& last) {
        return Position{cursor_key(by_creation ? last.created_at : last.updated_at), last.id};
    };
    auto response = co_await answer_list<Conversation>(
        request, context, std::move(select), [&](const auto& conversations, std::int64_t total) {
            return page(conversations, query.limit, query.offset, total, name, position_of);
        });
    co_return response;
}

Async<Response> create(const Request& request, Context& context) {
    const auto input = request.body<NewConversation>();
    const RequestKey key{request, "conversations"};
    db::Batch batch;
    const auto inserted = batch.add<Conversation>(
        sql::insert_conversation, db::named("user_id", request.user_id()), db::fields_of(input),
        db::named("max_conversations", context.config.max_conversations_per_user));
    const auto done =
        co_await key.run(context.db, std::move(batch), inserted, "conversation.created");
    if (const auto& first = done.first)
        co_return Response::created(context.own_path(request) + first->subject, first->answer);
    const auto conversation = done.results.first(inserted);
    if (!conversation) throw ApiError{Error::quota_exceeded};
    co_return Response::created(
        context.own_path(request) + "/conversations/" + std::to_string(conversation->id),
        *conversation);
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/api/v1/{user_id}/conversations",
        .also_at = {"/api/conversations"},
        .shape = Shape::enveloped,
        .operations = {{.method = Method::get,
                        .handler = list,
                        .auth = Auth::owner,
                        .name = "listConversations",
                        .summary = "List the user's conversations",
                        .description =
                            "Returns a page of the user's conversations, the newest first "
                            "by default. `next_cursor` leads to the next page.",
                        .query_schema = schema_of<ConversationQuery>,
                        .answer = page_of<Conversation>()},
                       {.method = Method::post,
                        .handler = create,
                        .auth = Auth::owner,
                        .name = "createConversation",
                        .summary = "Create a conversation",
                        .description =
                            "Creates an empty conversation. Add messages to it at the path "
                            "in `Location`, followed by `/messages`.",
                        .request_schema = schema_of<NewConversation>,
                        .is_body_optional = true,
                        .answer = created<Conversation>().with_etag().with_location(),
                        .message = "Conversation created",
                        .takes_idempotency_key = true,
                        .errors = {Error::quota_exceeded}}},
    };
}
