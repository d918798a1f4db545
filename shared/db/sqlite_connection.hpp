// A connection to an SQLite database. It runs statements at once, on the calling thread, and
// translates SQLite's errors.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "shared/async.hpp"
#include "shared/config/config.hpp"
#include "shared/db/batch.hpp"
#include "shared/db/database_files.hpp"
#include "shared/db/rows.hpp"
#include "shared/timestamp.hpp"

struct sqlite3;
struct sqlite3_context;
struct sqlite3_stmt;
struct sqlite3_value;

class SqliteConnection {
public:
    // Opens an existing database: only migrations create one. Throws DbError.
    SqliteConnection(const std::string& path, Synchronous synchronous);
    ~SqliteConnection();
    SqliteConnection(const SqliteConnection&) = delete;
    SqliteConnection& operator=(const SqliteConnection&) = delete;

    // Runs the statements of the batch. Throws DbError; at `latest` it is 57014.
    db::Results run(const db::Batch& batch, Clock::time_point latest);

    // Runs a query without parameters, and is never interrupted.
    void run(const Query& query);

    // SQL's now(), until the next call.
    void set_now(Timestamp now) { now_ = now; }

    // False also after an error (a full disk) that has ended the transaction.
    bool is_in_transaction() const;

    // Ends the transaction if there is one.
    void roll_back();

    const DatabaseFiles& files() const { return files_; }

private:
    struct Close {
        void operator()(sqlite3* connection) const;
    };
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    using Handle = std::unique_ptr<sqlite3, Close>;
    using Prepared = std::unique_ptr<sqlite3_stmt, Finalize>;

    static Handle open(const std::string& path);
    static void can_write(sqlite3_context* context, int, sqlite3_value**);
    static int is_too_late(void* self);

    std::unique_ptr<db::Rows> execute(const db::Statement& statement);
    sqlite3_stmt* prepare(const Query& query);

    Timestamp now_;
    Clock::time_point latest_ = Clock::time_point::max();  // deadline of the current batch
    DatabaseFiles files_;
    Handle connection_;
    std::unordered_map<const Query*, Prepared> statements_;
};

// Rolls back at its end unless it was committed, or an error has ended it already.
class SqliteTransaction {
public:
    SqliteTransaction(SqliteConnection& connection, const Query& begin);
    ~SqliteTransaction();
    SqliteTransaction(const SqliteTransaction&) = delete;
    SqliteTransaction& operator=(const SqliteTransaction&) = delete;

    void commit();

private:
    SqliteConnection& connection_;
};
