// Requests with an Idempotency-Key, which create something only once (ADR 17). A repeated request
// gets the first answer again, whatever has become of what was created:
//
//     const RequestKey key{request, "tasks"};
//     db::Batch batch;
//     const auto inserted = batch.add<Task>(sql::insert_task, …);
//     const auto done = co_await key.run(context.db, std::move(batch), inserted, "task.created");
//     if (done.first) co_return Response::created(…, done.first->answer);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/digest.hpp"
#include "shared/http/request.hpp"
#include "shared/json/fields.hpp"

// The most keys of a user. Beyond them the oldest are forgotten by one in 256 of the user's
// requests, because counting takes a millisecond.
inline constexpr std::int64_t most_keys_of_user = 10'000;

// What the answer to a repeated request is made of: the data of the events, or the id of a note.
enum class AnswerOf { created, note };

// What the events say that the first request with the key has created.
struct FirstAnswer {
    std::string request_digest;
    std::string subject;  // the path of what was created: /tasks/12
    // Its canonical JSON. If there are several, they are separated by commas. For a note, the
    // event's id without the epoch.
    json::Raw answer;

    // The values of the answer as an array, for an answer to several.
    rapidjson::Document items() const { return json::parse("[" + answer.text + "]"); }

    static consteval auto fields() {
        using json::field;
        return std::tuple{field("request_digest", &FirstAnswer::request_digest),
                          field("subject", &FirstAnswer::subject),
                          field("answer", &FirstAnswer::answer)};
    }
};

// The outcome of a batch: its results, or the first answer if another request with the key was
// first.
struct KeyedResults {
    db::Results results;
    std::optional<FirstAnswer> first;
};

class RequestKey {
public:
    // No key.
    RequestKey() = default;

    // `name` says what is created and where, with the ids in the path: "messages of 12". With the
    // body as it was sent, apart from white space and the order of members, it tells whether
    // another request is the same one. (As it was parsed, it would change with each member that a
    // release adds.) Throws ApiError (422) for a malformed key.
    RequestKey(const Request& request, std::string_view name)
        : user_id_(request.user_id()), key_(request.idempotency_key()) {
        if (key_) digest_ = entity_tag(std::string{name} + " " + request.canonical_body());
    }

    // Runs a batch whose last write, `created`, inserts rows or none, and leaves an event of
    // `event_type` for each. If it inserts none the key stays unused. Without a key nothing is
    // added to the batch. Throws ApiError: 422 if a different request was sent with the key. One
    // round trip, or two if the key was used before.
    Async<KeyedResults> run(Database& database, db::Batch batch, db::Place created,
                            std::string event_type, AnswerOf answer = AnswerOf::created) const;

    // The same for a batch that leaves `event_count` events, or fails.
    Async<KeyedResults> run(Database& database, db::Batch batch, std::int64_t event_count,
                            std::string event_type) const;

    // The first answer, if the key was used before. A batch that fails if it is repeated needs it.
    // Throws as run() does.
    Async<std::optional<FirstAnswer>> find_first(Database& database) const;

private:
    Async<KeyedResults> run_with(Database& database, db::Batch batch,
                                 std::optional<std::int64_t> event_count, std::string event_type,
                                 AnswerOf answer) const;

    std::string user_id_;
    std::optional<std::string> key_;
    std::string digest_;
};
