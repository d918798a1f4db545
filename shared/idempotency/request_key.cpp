#include "shared/idempotency/request_key.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "shared/db/sqlstate.hpp"
#include "shared/error.hpp"
#include "shared/uuid.hpp"
#include "sql/request_keys.hpp"

namespace {

// The failure of take_key_of_…, the only statements that compute a square root.
constexpr std::string_view key_is_taken = sqlstate::square_root_of_negative;

// How many keys a request forgets at most.
constexpr std::int64_t most_forgotten = 1000;

// Whether this request, one in 256, forgets keys. Nobody can foresee which one does.
bool is_forgetful() { return Uuid::random().bytes[0] == 0; }

// Otherwise SQLite would not know which events are those of the batch.
void check_is_last_write(const db::Batch& batch, const db::Place& created) {
    const auto& statements = batch.statements();
    const auto after =
        statements.begin() + static_cast<std::ptrdiff_t>(batch.prepended() + created.index) + 1;
    if (!std::all_of(after, statements.end(),
                     [](const auto& statement) { return statement.query->reads_only; }))
        throw std::logic_error("what creates must be the last write of a request with a key");
}

}  // namespace

Async<KeyedResults> RequestKey::run(Database& database, db::Batch batch, db::Place created,
                                    std::string event_type, AnswerOf answer) const {
    check_is_last_write(batch, created);
    return run_with(database, std::move(batch), std::nullopt, std::move(event_type), answer);
}

Async<KeyedResults> RequestKey::run(Database& database, db::Batch batch, std::int64_t event_count,
                                    std::string event_type) const {
    return run_with(database, std::move(batch), event_count, std::move(event_type),
                    AnswerOf::created);
}

Async<KeyedResults> RequestKey::run_with(Database& database, db::Batch batch,
                                         std::optional<std::int64_t> event_count,
                                         std::string event_type, AnswerOf answer) const {
    KeyedResults done;
    if (!key_) {
        done.results = co_await database.run(std::move(batch));
        co_return done;
    }
    const auto& take = answer == AnswerOf::note ? sql::take_key_of_note : sql::take_key_of_created;
    batch.add(take, db::named("user_id", user_id_), db::named("key", *key_),
              db::named("request_digest", digest_), db::named("type", event_type),
              db::named("event_count", event_count));
    batch.add(sql::return_key, db::named("user_id", user_id_), db::named("key", *key_));
    if (is_forgetful())
        batch.add(sql::forget_keys, db::named("user_id", user_id_),
                  db::named("most", most_keys_of_user), db::named("limit", most_forgotten));
    try {
        done.results = co_await database.run(std::move(batch));
        co_return done;
    } catch (const DbError& error) {
        if (error.sqlstate() != key_is_taken) throw;
    }
    done.first = co_await find_first(database);
    // The key was forgotten at this very moment: the next request takes it.
    if (!done.first) throw ApiError{Error::service_unavailable};
    co_return done;
}

Async<std::optional<FirstAnswer>> RequestKey::find_first(Database& database) const {
    if (!key_) co_return std::nullopt;
    auto first = co_await database.maybe<FirstAnswer>(sql::find_key, db::named("user_id", user_id_),
                                                      db::named("key", *key_));
    if (first && first->request_digest != digest_)
        throw invalid({"header", "Idempotency-Key"},
                      "Value error, another request was sent with this key");
    co_return first;
}
