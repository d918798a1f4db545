#include "shared/db/sqlite_connection.hpp"

#include <sqlite3.h>
#include <sys/statvfs.h>

#include <filesystem>
#include <variant>
#include <vector>

#include "shared/db/database.hpp"
#include "shared/db/sqlite_file.hpp"
#include "shared/db/sqlite_functions.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/log.hpp"
#include "shared/scope_exit.hpp"

namespace {

// Prepared once, like all queries.
constexpr Query commit_query{.name = "commit", .sqlite = "COMMIT"};

// With less free space on the disk the next write may fail.
constexpr std::uintmax_t least_room_bytes = 1'048'576;

// Steps of SQLite's virtual machine between two checks of the clock: about 0.1 ms.
constexpr int steps_between_checks = 4000;

// A -wal that grew while a reader held an old snapshot shrinks to this when it is used anew. SQLite
// copies it to the database every 4 MB.
constexpr std::int64_t most_wal_bytes = 16 << 20;

std::string_view sqlstate_of(int extended_code) {
    switch (extended_code) {
        case SQLITE_CONSTRAINT_UNIQUE:
        case SQLITE_CONSTRAINT_PRIMARYKEY: return sqlstate::unique_violation;
        case SQLITE_CONSTRAINT_FOREIGNKEY: return sqlstate::foreign_key_violation;
        case SQLITE_CONSTRAINT_NOTNULL: return sqlstate::not_null_violation;
        case SQLITE_CONSTRAINT_CHECK: return sqlstate::check_violation;
        // These come from the functions of sqlite_functions.cpp only.
        case SQLITE_CONSTRAINT_COMMITHOOK: return sqlstate::division_by_zero;
        case SQLITE_CONSTRAINT_FUNCTION: return sqlstate::logarithm_of_zero;
        case SQLITE_CONSTRAINT_VTAB: return sqlstate::square_root_of_negative;
        default: break;
    }
    switch (extended_code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL: return sqlstate::lock_not_available;
        case SQLITE_INTERRUPT: return sqlstate::query_canceled;
        case SQLITE_CANTOPEN:
        case SQLITE_NOTADB: return sqlstate::unable_to_connect;
        case SQLITE_FULL: return sqlstate::disk_full;
        case SQLITE_NOMEM: return sqlstate::out_of_memory;
        case SQLITE_IOERR: return sqlstate::io_error;
        case SQLITE_READONLY: return sqlstate::read_only_transaction;
        case SQLITE_TOOBIG: return sqlstate::string_data_right_truncation;
        case SQLITE_CORRUPT: return sqlstate::data_corrupted;
        default: return sqlstate::internal_error;
    }
}

// The texts are SQLite's own: it has no codes for these.
std::string_view sqlstate_of_message(std::string_view message) {
    if (message.starts_with("no such table")) return sqlstate::undefined_table;
    if (message.starts_with("no such column") ||
        message.find(" has no column named ") != message.npos)
        return sqlstate::undefined_column;
    return message.starts_with("no such function") ? sqlstate::undefined_function
                                                   : sqlstate::internal_error;
}

[[noreturn]] void fail(sqlite3* connection) {
    const int code = sqlite3_extended_errcode(connection);
    const std::string message = sqlite3_errmsg(connection);
    const auto sqlstate = code == SQLITE_ERROR ? sqlstate_of_message(message) : sqlstate_of(code);
    throw DbError{std::string{sqlstate}, message};
}

// A copy of a statement's result, because the statement is reset before the next one runs.
class SqliteRows final : public db::Rows {
public:
    using Cell = std::variant<std::monostate, std::int64_t, std::string>;

    explicit SqliteRows(sqlite3_stmt* statement) {
        for (int i = 0; i < sqlite3_column_count(statement); ++i)
            names_.emplace_back(sqlite3_column_name(statement, i));
    }

    void add_row(sqlite3_stmt* statement) {
        for (int i = 0; i < static_cast<int>(names_.size()); ++i)
            switch (sqlite3_column_type(statement, i)) {
                case SQLITE_NULL: cells_.emplace_back(); break;
                case SQLITE_INTEGER:
                    cells_.emplace_back(std::int64_t{sqlite3_column_int64(statement, i)});
                    break;
                default: {
                    const void* data = sqlite3_column_blob(statement, i);
                    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
                    cells_.emplace_back(data ? std::string{static_cast<const char*>(data), size}
                                             : std::string{});
                }
            }
        ++size_;
    }

    std::size_t size() const override { return size_; }
    std::size_t column_count() const override { return names_.size(); }
    std::string_view column_name(std::size_t column) const override { return names_[column]; }
    bool is_null(std::size_t row, std::size_t column) const override {
        return std::holds_alternative<std::monostate>(cell(row, column));
    }
    bool boolean(std::size_t row, std::size_t column) const override {
        return integer(row, column) != 0;
    }
    std::int64_t integer(std::size_t row, std::size_t column) const override {
        return get<std::int64_t>(row, column);
    }
    std::string_view text(std::size_t row, std::size_t column) const override {
        return get<std::string>(row, column);
    }
    Uuid uuid(std::size_t row, std::size_t column) const override {
        const auto uuid = Uuid::parse(text(row, column));
        if (!uuid) wrong_type(column);
        return *uuid;
    }
    Timestamp timestamp(std::size_t row, std::size_t column) const override {
        return {integer(row, column)};
    }

private:
    const Cell& cell(std::size_t row, std::size_t column) const {
        return cells_.at(row * names_.size() + column);
    }
    template <class T>
    const T& get(std::size_t row, std::size_t column) const {
        const auto* value = std::get_if<T>(&cell(row, column));
        if (!value) wrong_type(column);
        return *value;
    }
    [[noreturn]] void wrong_type(std::size_t column) const {
        throw std::logic_error("column " + names_[column] + " is null or of another type");
    }

    std::vector<std::string> names_;
    std::vector<Cell> cells_;
    std::size_t size_ = 0;
};

struct Bind {
    sqlite3_stmt* statement;
    int index;

    int operator()(bool value) const { return sqlite3_bind_int(statement, index, value); }
    int operator()(std::int64_t value) const { return sqlite3_bind_int64(statement, index, value); }
    int operator()(const std::string& value) const {
        return sqlite3_bind_text64(statement, index, value.data(), value.size(), SQLITE_STATIC,
                                   SQLITE_UTF8);
    }
    int operator()(const Uuid& value) const {
        const auto text = value.text();
        return sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
    }
    int operator()(const Timestamp& value) const { return (*this)(value.microseconds); }
    template <class T>
    int operator()(db::Null<T>) const {
        return sqlite3_bind_null(statement, index);
    }
};

bool is_in_memory(sqlite3* connection) { return *sqlite3_db_filename(connection, "main") == '\0'; }

}  // namespace

void SqliteConnection::Close::operator()(sqlite3* connection) const { sqlite3_close(connection); }

void SqliteConnection::Finalize::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

SqliteConnection::Handle SqliteConnection::open(const std::string& path) {
    if (auto fault = fault_of_sqlite_file(path); !fault.empty())
        throw DbError{sqlstate::unable_to_connect, fault};
    sqlite3* raw = nullptr;
    // Without SQLITE_OPEN_CREATE: only migrations create a database.
    const int code =
        sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    Handle opened{raw};
    std::error_code ignored;
    if (code != SQLITE_OK && !std::filesystem::exists(path, ignored))
        throw DbError{sqlstate::unable_to_connect,
                      path + " does not exist: run `steelthread migrate up`"};
    if (code != SQLITE_OK) throw DbError{sqlstate::unable_to_connect, "cannot open " + path};
    return opened;
}

SqliteConnection::SqliteConnection(const std::string& path, Synchronous synchronous)
    : connection_(open(path)) {
    sqlite3* const raw = connection_.get();
    // Disabled until the -wal and -shm are known to belong to this database.
    sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    // temp_store: a savepoint would otherwise write to /tmp, which may be full or read-only.
    const std::string pragmas =
        "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = " + std::to_string(most_wal_bytes) +
        "; PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON; PRAGMA temp_store = MEMORY; "
        "PRAGMA synchronous = " +
        (synchronous == Synchronous::full ? "FULL" : "NORMAL");
    if (sqlite3_exec(raw, pragmas.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(raw);
    files_ = is_in_memory(raw) ? DatabaseFiles{} : DatabaseFiles{raw, path};
    add_sqlite_functions(raw, &now_);
    if (sqlite3_create_function(raw, "can_write", 0, SQLITE_UTF8, nullptr, &can_write, nullptr,
                                nullptr) != SQLITE_OK)
        fail(raw);
    sqlite3_progress_handler(raw, steps_between_checks, &is_too_late, this);
}

// The last process to close a database copies the -wal into it and removes it. If the database was
// moved, SQLite leaves the -wal, and the next database at that path would use it: so it is copied
// into the database that it belongs to. If that was deleted, the -wal may hold the only copy of the
// newest changes: so it is kept under a name that no database opens.
SqliteConnection::~SqliteConnection() {
    statements_.clear();
    const bool has_moved = !files_.has_database();
    if (has_moved && files_.has_own_wal() && files_.is_deleted()) {
        const auto lost = files_.put_wal_aside();
        logging::error("database deleted: its newest changes were saved",
                       {{"file", std::string_view{lost}}});
    } else if (files_.has_own_wal()) {
        sqlite3_db_config(connection_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
        if (has_moved)
            sqlite3_wal_checkpoint_v2(connection_.get(), "main", SQLITE_CHECKPOINT_TRUNCATE,
                                      nullptr, nullptr);
    }
}

// For queries: whether a write could succeed. It does not take the lock: a check would often wait
// for it under load.
void SqliteConnection::can_write(sqlite3_context* context, int, sqlite3_value**) {
    sqlite3* const connection = sqlite3_context_db_handle(context);
    struct statvfs disk {};
    const bool is_measured =
        statvfs(sqlite3_db_filename(connection, "main"), &disk) == 0 && disk.f_blocks > 0;
    const bool has_room = !is_measured || disk.f_bavail * disk.f_frsize >= least_room_bytes;
    sqlite3_result_int(context, sqlite3_db_readonly(connection, "main") == 0 && has_room);
}

int SqliteConnection::is_too_late(void* self) {
    return Clock::now() >= static_cast<SqliteConnection*>(self)->latest_ ? 1 : 0;
}

bool SqliteConnection::is_in_transaction() const {
    return sqlite3_get_autocommit(connection_.get()) == 0;
}

void SqliteConnection::roll_back() {
    if (is_in_transaction()) sqlite3_exec(connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

db::Results SqliteConnection::run(const db::Batch& batch, Clock::time_point latest) {
    latest_ = latest;
    const ScopeExit never_late_again{[this] { latest_ = Clock::time_point::max(); }};
    db::Results results{batch};
    for (const auto& statement : batch.statements()) results.add(execute(statement));
    return results;
}

void SqliteConnection::run(const Query& query) { execute({&query, {}}); }

std::unique_ptr<db::Rows> SqliteConnection::execute(const db::Statement& statement) {
    sqlite3_stmt* const prepared = prepare(*statement.query);
    const ScopeExit reset_at_end{[&] {
        sqlite3_reset(prepared);
        sqlite3_clear_bindings(prepared);
    }};

    for (std::size_t i = 0; i < statement.parameters.size(); ++i) {
        // "$1" is a name for SQLite, not a position.
        const auto name = "$" + std::to_string(i + 1);
        const int index = sqlite3_bind_parameter_index(prepared, name.c_str());
        if (index > 0 && std::visit(Bind{prepared, index}, statement.parameters[i]) != SQLITE_OK)
            fail(connection_.get());
    }
    auto rows = std::make_unique<SqliteRows>(prepared);
    for (;;) {
        const int code = sqlite3_step(prepared);
        if (code == SQLITE_DONE) return rows;
        if (code != SQLITE_ROW) fail(connection_.get());
        rows->add_row(prepared);
    }
}

sqlite3_stmt* SqliteConnection::prepare(const Query& query) {
    const auto found = statements_.find(&query);
    if (found != statements_.end()) return found->second.get();
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v3(connection_.get(), query.sqlite, -1, SQLITE_PREPARE_PERSISTENT, &raw,
                           nullptr) != SQLITE_OK)
        fail(connection_.get());
    statements_.emplace(&query, Prepared{raw});
    return raw;
}

SqliteTransaction::SqliteTransaction(SqliteConnection& connection, const Query& begin)
    : connection_(connection) {
    connection_.run(begin);
}

SqliteTransaction::~SqliteTransaction() { connection_.roll_back(); }

void SqliteTransaction::commit() { connection_.run(commit_query); }
