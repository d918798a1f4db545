// The database as handlers see it: a batch of statements is sent in one round trip, commits as one
// transaction, and returns rows that map to plain aggregates.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/async.hpp"
#include "shared/db/batch.hpp"
#include "shared/db/query.hpp"
#include "shared/db/rows.hpp"

struct Config;

// A failure with its SQLSTATE (https://www.postgresql.org/docs/15/errcodes-appendix.html); SQLite's
// codes are translated. The message is for the log, never for a client.
class DbError : public std::runtime_error {
public:
    DbError(std::string_view sqlstate, const std::string& message)
        : std::runtime_error(message), sqlstate_(sqlstate) {}
    const std::string& sqlstate() const { return sqlstate_; }

private:
    std::string sqlstate_;
};

class Database {
public:
    virtual ~Database() = default;

    // Runs the batch in one round trip and as a whole, within the deadline of DB_DEADLINE_MS (and
    // DB_CONNECT_TIMEOUT_MS if it must connect first). Others may share its transaction and never
    // notice it. The slots that its add() returned find the rows in the results. Throws DbError.
    // The outcome of a write is unknown after class 08, 57014 (late) and 57P01 (closed). Repeats
    // once what is safe to repeat: reads whose connection was lost, 40001 and 40P01; and up to
    // three times statements whose prepared form the server no longer knows.
    virtual Async<db::Results> run(db::Batch batch) = 0;

    // Closes every connection and fails the waiting batches; the loop runs out of work afterwards.
    virtual void close() = 0;

    // The database for work that outlives the request to which this object belongs.
    virtual Database& lasting() { return *this; }

    // Returns the first row of one statement, if there is any. The parts are those of
    // db::statement().
    template <class T, class... Parts>
    Async<std::optional<T>> maybe(const Query& query, Parts&&... parts) {
        return run_one<T>(db::statement(query, std::forward<Parts>(parts)...),
                          &db::Results::first<T>);
    }

    // Returns the row of a statement that always has one; throws std::logic_error if there is none.
    template <class T, class... Parts>
    Async<T> one(const Query& query, Parts&&... parts) {
        return run_one<T>(db::statement(query, std::forward<Parts>(parts)...),
                          &db::Results::one<T>);
    }

    // All rows of one statement.
    template <class T, class... Parts>
    Async<std::vector<T>> all(const Query& query, Parts&&... parts) {
        return run_one<T>(db::statement(query, std::forward<Parts>(parts)...),
                          &db::Results::all<T>);
    }

private:
    // Runs one statement, and returns what `read` takes from its rows.
    template <class T, class Answer>
    Async<Answer> run_one(db::Statement statement,
                          Answer (db::Results::*read)(const db::Slot<T>&) const) {
        db::Batch batch;
        const auto slot = batch.add<T>(std::move(statement));
        const auto results = co_await run(std::move(batch));
        co_return (results.*read)(slot);
    }
};

// Opens the engine that DATABASE_URL names. Connections are made when they are first needed.
std::unique_ptr<Database> open_database(const Config& config, Loop& loop);
