// /api/v1/{user_id}/conversations/{id}/messages/batch: several messages of a conversation.
// POST → 201 messages | 200, none of them new | 401 | 403 | 404 | 413 | 415 | 422
#include "shared/conversations/add_messages.hpp"
#include "shared/handler.hpp"

namespace {

Async<Response> create(const Request& request, Context& context) {
    auto input = request.body<MessageBatch>();
    const auto id = request.id("id");
    const RequestKey key{request, "batches of messages of " + std::to_string(id)};
    const auto added =
        co_await add_messages(context.db, request.user_id(), id, std::move(input.messages),
                              context.config.max_messages_per_conversation, key);
    co_return Response{added.are_new ? 201 : 200, json::write(added.messages)};
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/api/v1/{user_id}/conversations/{id}/messages/batch",
        .also_at = {"/api/conversations/{id}/messages/batch"},
        .shape = Shape::enveloped,
        .max_body = 1'048'576,
        .operations = {{.method = Method::post,
                        .handler = create,
                        .auth = Auth::owner,
                        .name = "createMessages",
                        .summary = "Add several messages to a conversation",
                        .description =
                            "Adds up to 100 messages in the order given, all of them or none, and "
                            "returns them in that order. A message whose `client_message_id` the "
                            "conversation has already, or an earlier one of the batch has, is not "
                            "added: the first message is returned in its place. 200 if no message "
                            "is new. The body has at most 1 MiB.",
                        .request_schema = schema_of<MessageBatch>,
                        .answer = created<std::vector<Message>>().or_existing(),
                        .message = "Messages created",
                        .takes_idempotency_key = true,
                        .errors = {Error::quota_exceeded, Error::not_found}}},
    };
}
