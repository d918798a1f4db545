// /api/v1/{user_id}/conversations/{id}: one of the caller's own conversations.
// GET    → 200 conversation | 304 | 401 | 403 | 404 | 412 | 422
// DELETE → 204, with all its messages | 401 | 403 | 404 | 412 | 422
#include "shared/handler.hpp"
#include "shared/models/conversation.hpp"
#include "sql/conversations.hpp"

namespace {

Async<Response> get(const Request& request, Context& context) {
    const auto conversation = co_await context.db.maybe<Conversation>(
        sql::find_conversation, db::named("user_id", request.user_id()),
        db::named("id", request.id("id")));
    if (!conversation) throw ApiError{Error::not_found};
    co_return Response::ok(*conversation);
}

Async<Response> remove(const Request& request, Context& context) {
    const auto id = request.id("id");
    co_await conditional_write(
        context.db, request.condition(),
        db::partial(sql::delete_conversation, db::named("user_id", request.user_id()),
                    db::named("id", id)),
        db::statement(sql::conversation_exists, db::named("user_id", request.user_id()),
                      db::named("id", id)));
    co_return Response::no_content();
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/api/v1/{user_id}/conversations/{id}",
        .also_at = {"/api/conversations/{id}"},
        .shape = Shape::enveloped,
        .operations = {{.method = Method::get,
                        .handler = get,
                        .auth = Auth::owner,
                        .name = "getConversation",
                        .summary = "Get a conversation",
                        .description = "Returns one conversation, without its messages. Those of "
                                       "other users are 404.",
                        .answer = ok<Conversation>().with_etag(),
                        .errors = {Error::not_found}},
                       {.method = Method::delete_,
                        .handler = remove,
                        .auth = Auth::owner,
                        .name = "deleteConversation",
                        .summary = "Delete a conversation and its messages",
                        .description =
                            "Deletes the conversation with all its messages. `If-Match` is "
                            "optional; if it is sent, a conversation that has changed is "
                            "412 and stays.",
                        .answer = no_content(),
                        .errors = {Error::not_found}}},
    };
}
