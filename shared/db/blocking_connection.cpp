#include "shared/db/blocking_connection.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <sqlite3.h>

#include <chrono>
#include <limits>
#include <stdexcept>
#include <thread>

#include "shared/db/database.hpp"
#include "shared/db/sqlite_file.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/net/resolve.hpp"
#include "shared/text.hpp"

namespace {

using namespace std::chrono_literals;

class BlockingPostgres final : public BlockingConnection {
public:
    BlockingPostgres(const Config& config, Purpose purpose)
        : BlockingPostgres(
              Place{.timeout = std::to_string((config.db_connect_timeout_ms + 999) / 1000),
                    // As in the handlers, one of several hosts must accept writes. An empty value
                    // counts as not set.
                    .session_attributes =
                        config.database_url.postgres.names_several_hosts() ? "read-write" : "",
                    .url = config.database_url.text},
              purpose, purpose == Purpose::look ? config.db_deadline_ms : forever_ms) {}

    std::string_view engine() const override { return "postgres"; }

    // A pooler gives its clients backend ids of its own.
    bool has_own_session() override {
        return query("SELECT pg_backend_pid()", {})[0][0] ==
               std::to_string(PQbackendPID(connection_.get()));
    }

    std::unique_ptr<BlockingConnection> another() const override {
        return std::unique_ptr<BlockingConnection>{
            new BlockingPostgres{place_, Purpose::change, forever_ms}};
    }

    void begin() override {
        const auto give_up = Clock::now() + 30s;
        for (;;) {
            execute("BEGIN ISOLATION LEVEL READ COMMITTED");
            // A lock that lasts until the end of the transaction, so that it also works through a
            // pooler. A statement that waited for it would hold a snapshot, and a runner that
            // builds an index concurrently waits for all snapshots.
            if (query("SELECT pg_try_advisory_xact_lock(5063112418)", {})[0][0] == "t") break;
            execute("ROLLBACK");
            if (Clock::now() > give_up)
                throw std::runtime_error(
                    "PostgreSQL: another process has been migrating this database for 30 s: "
                    "repeat this when it has finished");
            std::this_thread::sleep_for(100ms);
        }
        execute("SET LOCAL lock_timeout = '30s'");
    }

    void execute(const std::string& sql) override { take(PQexec(connection_.get(), sql.c_str())); }

    std::vector<Row> query(const char* sql, const Row& parameters) override {
        std::vector<const char*> values;
        for (const auto& parameter : parameters) values.push_back(parameter.c_str());
        auto* const connection = connection_.get();
        if (PQsendQueryParams(connection, sql, static_cast<int>(values.size()), nullptr,
                              values.data(), nullptr, nullptr, 0) == 0)
            fail();
        await_answer();
        auto rows = take(PQgetResult(connection));
        PQclear(PQgetResult(connection));  // null: the connection is idle again
        return rows;
    }

private:
    using Clock = std::chrono::steady_clock;
    static constexpr std::int64_t forever_ms = std::numeric_limits<int>::max();

    struct Place {
        std::string timeout;  // seconds
        std::string session_attributes;
        std::string url;
    };

    BlockingPostgres(Place place, Purpose purpose, std::int64_t longest_answer_ms)
        : place_(std::move(place)), longest_answer_{longest_answer_ms} {
        // Parameters in the URL override those before it.
        const char* names[] = {"connect_timeout", "application_name", "target_session_attrs",
                               "dbname", nullptr};
        const char* values[] = {place_.timeout.c_str(), "steelthread",
                                place_.session_attributes.c_str(), place_.url.c_str(), nullptr};
        const auto give_up = Clock::now() + 5s;
        bool was_up = false;
        for (;;) {
            connection_.reset(PQconnectdbParams(names, values, 1));
            if (PQstatus(connection_.get()) == CONNECTION_OK) break;
            if (purpose == Purpose::look) fail();
            // A retry helps if the server is unreachable, not if the password is wrong.
            const auto ping = PQpingParams(names, values, 1);
            if (was_up || ping == PQPING_NO_ATTEMPT || Clock::now() > give_up) fail();
            was_up = ping == PQPING_OK;
            std::this_thread::sleep_for(std::chrono::milliseconds{100});
        }
        PQsetNoticeProcessor(
            connection_.get(), [](void*, const char*) {}, nullptr);
        check_encoding();
    }

    // In any other encoding some texts cannot be stored, and in SQL_ASCII lengths count bytes.
    void check_encoding() {
        const char* const encoding = PQparameterStatus(connection_.get(), "server_encoding");
        if (!encoding || std::string_view{encoding} == "UTF8") return;
        throw ConfigError("PostgreSQL: the encoding of the database is " + std::string{encoding} +
                          ": create one with ENCODING 'UTF8' TEMPLATE template0");
    }

    void await_answer() {
        const auto give_up = Clock::now() + longest_answer_;
        while (PQisBusy(connection_.get()) != 0) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(give_up - Clock::now());
            pollfd answer{PQsocket(connection_.get()), POLLIN, 0};
            if (left.count() <= 0 || poll(&answer, 1, static_cast<int>(left.count())) == 0)
                throw std::runtime_error("PostgreSQL: no answer in time");
            if (PQconsumeInput(connection_.get()) == 0) fail();
        }
    }

    std::vector<Row> take(PGresult* raw) {
        const std::unique_ptr<PGresult, decltype(&PQclear)> result{raw, &PQclear};
        const auto status = PQresultStatus(raw);
        // A migration without statements is a comment.
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
            fail(PQresultErrorField(raw, PG_DIAG_SQLSTATE));
        std::vector<Row> rows(static_cast<std::size_t>(PQntuples(raw)));
        for (int row = 0; row < PQntuples(raw); ++row)
            for (int column = 0; column < PQnfields(raw); ++column)
                rows[static_cast<std::size_t>(row)].emplace_back(PQgetvalue(raw, row, column));
        return rows;
    }

    [[noreturn]] void fail(const char* state = nullptr) {
        const std::string_view text = PQerrorMessage(connection_.get());
        const auto message = "PostgreSQL: " + std::string{trimmed(text)};
        if (state) throw DbError{state, message};
        throw std::runtime_error(message);
    }

    Place place_;
    std::chrono::milliseconds longest_answer_;
    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_{nullptr, &PQfinish};
};

class BlockingSqlite final : public BlockingConnection {
public:
    BlockingSqlite(const std::string& path, Purpose purpose) : path_(path) {
        if (const auto fault = fault_of_sqlite_file(path); !fault.empty()) throw ConfigError(fault);
        const bool is_look = purpose == Purpose::look;
        sqlite3* raw = nullptr;
        const int code =
            sqlite3_open_v2(path.c_str(), &raw,
                            SQLITE_OPEN_READWRITE | (is_look ? 0 : SQLITE_OPEN_CREATE), nullptr);
        connection_.reset(raw);
        if (code != SQLITE_OK) throw std::runtime_error("cannot open " + path);
        sqlite3_busy_timeout(raw, 5000);
        if (!is_look) execute("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON");
    }

    std::string_view engine() const override { return "sqlite"; }
    bool has_own_session() override { return true; }
    std::unique_ptr<BlockingConnection> another() const override {
        return std::make_unique<BlockingSqlite>(path_, Purpose::change);
    }
    void begin() override { execute("BEGIN IMMEDIATE"); }

    void execute(const std::string& sql) override {
        if (sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
            fail();
    }

    std::vector<Row> query(const char* sql, const Row& parameters) override {
        sqlite3_stmt* raw = nullptr;
        if (sqlite3_prepare_v2(connection_.get(), sql, -1, &raw, nullptr) != SQLITE_OK) fail();
        const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement{
            raw, &sqlite3_finalize};
        for (std::size_t i = 0; i < parameters.size(); ++i)
            sqlite3_bind_text(raw, static_cast<int>(i) + 1, parameters[i].c_str(), -1,
                              SQLITE_TRANSIENT);
        std::vector<Row> rows;
        int code = 0;
        while ((code = sqlite3_step(raw)) == SQLITE_ROW) {
            Row row;
            for (int i = 0; i < sqlite3_column_count(raw); ++i) {
                const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw, i));
                row.emplace_back(text ? text : "");
            }
            rows.push_back(std::move(row));
        }
        if (code != SQLITE_DONE) fail();
        return rows;
    }

private:
    [[noreturn]] void fail() {
        const auto message = "SQLite (" + path_ + "): " + sqlite3_errmsg(connection_.get());
        const int code = sqlite3_errcode(connection_.get());
        if (code == SQLITE_FULL) throw DbError{sqlstate::disk_full, message};
        if (code == SQLITE_IOERR) throw DbError{sqlstate::io_error, message};
        throw std::runtime_error(message);
    }

    std::string path_;
    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> connection_{nullptr, &sqlite3_close};
};

}  // namespace

std::unique_ptr<BlockingConnection> connect_blocking(const Config& config,
                                                     BlockingConnection::Purpose purpose) {
    if (const auto path = config.sqlite_path())
        return std::make_unique<BlockingSqlite>(*path, purpose);
    return std::make_unique<BlockingPostgres>(config, purpose);
}
