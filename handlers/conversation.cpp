// /api/v1/{user_id}/conversations/{id}: one of the caller's own conversations.
// GET    → 200 conversation | 304 | 401 | 403 | 404 | 412 | 422
// PATCH  → 200 conversation | 401 | 403 | 404 | 412 | 413 | 415 | 422
// DELETE → 204, with all its messages | 401 | 403 | 404 | 412 | 422 | 503, and so far some messages
#include "shared/handler.hpp"
#include "shared/models/conversation.hpp"
#include "shared/models/existence.hpp"
#include "sql/conversations.hpp"
#include "sql/messages.hpp"

namespace {

Async<Response> get(const Request& request, Context& context) {
    const auto conversation = co_await context.db.maybe<Conversation>(
        sql::find_conversation, db::named("user_id", request.user_id()),
        db::named("id", request.id("id")));
    if (!conversation) throw ApiError{Error::not_found};
    co_return Response::ok(*conversation);
}

Async<Response> patch(const Request& request, Context& context) {
    const auto id = request.id("id");
    const auto change = request.body<ConversationChange>();
    if (json::is_empty(change))
        throw invalid({"body"}, "Value error, name at least one member to change");
    const auto conversation = co_await conditional_write<Conversation>(
        context.db, request.condition(),
        db::partial(sql::update_conversation, db::named("user_id", request.user_id()),
                    db::named("id", id), db::fields_of(change)),
        db::statement(sql::conversation_exists, db::named("user_id", request.user_id()),
                      db::named("id", id)));
    co_return Response::ok(conversation);
}

// How many messages one transaction deletes at most.
constexpr std::int64_t most_messages = 1000;

// For how long a request starts new transactions. nginx waits three seconds longer than one of them
// may take.
constexpr std::chrono::seconds longest_deletion{2};

struct LastOfBatch {
    std::optional<std::int64_t> id;  // null if there was no message

    static consteval auto fields() { return std::tuple{json::field("id", &LastOfBatch::id)}; }
};

db::Statement deletion(const Request& request, const WriteCondition& condition) {
    return db::statement(sql::delete_conversation, db::named("user_id", request.user_id()),
                         db::named("id", request.id("id")), db::named("etags", condition.tags),
                         db::named("among_etags", condition.is_among),
                         db::named("most_messages", most_messages));
}

db::Statement of_next_messages(const Query& query, const Request& request, std::int64_t last_id) {
    return db::statement(query, db::named("user_id", request.user_id()),
                         db::named("conversation_id", request.id("id")),
                         db::named("after_id", last_id), db::named("limit", most_messages));
}

// Deletes all messages, oldest first, in transactions of their own. The pauses let others write to
// SQLite. Throws ApiError (service_unavailable) when time is up: a repeated DELETE goes on.
Async<> remove_messages(const Request& request, Database& database, Clock::time_point latest) {
    for (std::int64_t last_id = 0;;) {
        const auto before = Clock::now();
        if (before > latest) throw ApiError{Error::service_unavailable};
        db::Batch batch;
        const auto last =
            batch.add<LastOfBatch>(of_next_messages(sql::last_of_next_messages, request, last_id));
        batch.add(of_next_messages(sql::delete_next_messages, request, last_id));
        const auto results = co_await database.run(std::move(batch));
        const auto id = results.one(last).id;
        if (!id) co_return;
        last_id = *id;
        co_await sleep_for(Clock::now() - before);
    }
}

// Once the condition has been met, a long conversation is deleted in whatever state it is.
Async<> remove_in_parts(const Request& request, Database& database) {
    const auto latest = Clock::now() + longest_deletion;
    for (bool is_deleted = false; !is_deleted;) {
        co_await remove_messages(request, database, latest);
        db::Batch batch;
        const auto deleted = batch.add(deletion(request, {}));
        const auto found =
            batch.add<Existence>(sql::conversation_exists, db::named("user_id", request.user_id()),
                                 db::named("id", request.id("id")));
        const auto results = co_await database.run(std::move(batch));
        is_deleted = !results.rows(deleted).empty() || !results.one(found).exists;
    }
}

// A conversation of up to `most_messages` is deleted in one transaction.
Async<Response> remove(const Request& request, Context& context) {
    const auto id = request.id("id");
    const auto condition = request.condition();
    db::Batch batch;
    const auto deleted = batch.add(deletion(request, condition));
    const auto found = batch.add<Existence>(
        sql::conversation_exists, db::named("user_id", request.user_id()), db::named("id", id));
    const auto matched = batch.add<Existence>(
        sql::conversation_matches, db::named("user_id", request.user_id()), db::named("id", id),
        db::named("etags", condition.tags), db::named("among_etags", condition.is_among));
    const auto results = co_await context.db.run(std::move(batch));
    if (results.rows(deleted).empty()) {
        if (!results.one(found).exists) throw ApiError{Error::not_found};
        if (!results.one(matched).exists) throw ApiError{condition.refusal};
        co_await remove_in_parts(request, context.db);
    }
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
                       {.method = Method::patch,
                        .handler = patch,
                        .auth = Auth::owner,
                        .name = "updateConversation",
                        .summary = "Rename a conversation",
                        .description = "Sets or removes the title. `If-Match` is optional; if it "
                                       "is sent, a conversation that has changed is 412. Without "
                                       "it the last write wins.",
                        .request_schema = schema_of<ConversationChange>,
                        .answer = ok<Conversation>().with_etag(),
                        .message = "Conversation updated",
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
