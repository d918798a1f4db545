#include "cli/migrate.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <thread>

#include "cli/database.hpp"
#include "shared/auth/password.hpp"
#include "shared/db/migrations.hpp"
#include "shared/db/sqlite_file.hpp"
#include "shared/run_dir.hpp"
#include "shared/text.hpp"
#include "shared/timestamp.hpp"
#include "shared/uuid.hpp"

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

using Row = std::vector<std::string>;

// A blocking connection: migrations are the one place that needs no event loop.
class Connection {
public:
    virtual ~Connection() = default;

    virtual std::string_view engine() const = 0;

    // Begins a transaction that no other migration can be in.
    virtual void begin() = 0;

    // Runs any number of statements.
    virtual void execute(const std::string& sql) = 0;

    // Runs one statement with text parameters.
    virtual std::vector<Row> query(const char* sql, const Row& parameters = {}) = 0;
};

// A look waits for the database no longer than a handler does.
enum class Purpose { look, change };

class PostgresConnection final : public Connection {
public:
    PostgresConnection(const Config& config, Purpose purpose)
        : longest_answer_{purpose == Purpose::look ? config.db_deadline_ms : forever_ms} {
        // Parameters in the URL win over those before it.
        const auto timeout = std::to_string((config.db_connect_timeout_ms + 999) / 1000);
        // As the handlers do: of several hosts one that takes writes. Empty counts as not given.
        const char* const wanted =
            config.database_url.postgres.names_several_hosts() ? "read-write" : "";
        const char* names[] = {"connect_timeout", "application_name", "target_session_attrs",
                               "dbname", nullptr};
        const char* values[] = {timeout.c_str(), "steelthread", wanted,
                                config.database_url.text.c_str(), nullptr};
        const auto give_up = Clock::now() + 5s;
        bool was_up = false;
        for (;;) {
            connection_.reset(PQconnectdbParams(names, values, 1));
            if (PQstatus(connection_.get()) == CONNECTION_OK) break;
            if (purpose == Purpose::look) fail();
            // Waiting helps against a server that is away, not against a wrong password.
            const auto ping = PQpingParams(names, values, 1);
            if (was_up || ping == PQPING_NO_ATTEMPT || Clock::now() > give_up) fail();
            was_up = ping == PQPING_OK;
            std::this_thread::sleep_for(std::chrono::milliseconds{100});
        }
        PQsetNoticeProcessor(
            connection_.get(), [](void*, const char*) {}, nullptr);
    }

    std::string_view engine() const override { return "postgres"; }

    void begin() override {
        execute("BEGIN");
        execute("SET LOCAL lock_timeout = '30s'");
        // Held until the end of the transaction, so that it also works through a pooler.
        execute("SELECT pg_advisory_xact_lock(5063112418)");
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
        PQclear(PQgetResult(connection));  // none: the connection is free for the next one
        return rows;
    }

private:
    using Clock = std::chrono::steady_clock;
    static constexpr std::int64_t forever_ms = std::numeric_limits<int>::max();

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
        // A migration that has nothing to do is a comment.
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
            fail();
        std::vector<Row> rows(static_cast<std::size_t>(PQntuples(raw)));
        for (int row = 0; row < PQntuples(raw); ++row)
            for (int column = 0; column < PQnfields(raw); ++column)
                rows[static_cast<std::size_t>(row)].emplace_back(PQgetvalue(raw, row, column));
        return rows;
    }

    [[noreturn]] void fail() {
        const std::string_view message = PQerrorMessage(connection_.get());
        throw std::runtime_error("PostgreSQL: " + std::string{trimmed(message)});
    }

    std::chrono::milliseconds longest_answer_;
    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_{nullptr, &PQfinish};
};

class SqliteConnection final : public Connection {
public:
    SqliteConnection(const std::string& path, Purpose purpose) {
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
        throw std::runtime_error(std::string{"SQLite: "} + sqlite3_errmsg(connection_.get()));
    }

    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> connection_{nullptr, &sqlite3_close};
};

std::unique_ptr<Connection> connect(const Config& config, Purpose purpose) {
    if (const auto path = config.sqlite_path())
        return std::make_unique<SqliteConnection>(*path, purpose);
    return std::make_unique<PostgresConnection>(config, purpose);
}

// Prepares the directory of the SQLite file. RUN_DIR has to be this service's.
void make_place(const Config& config) {
    const auto path = config.sqlite_path();
    if (!path || !lacks_sqlite_file(config)) return;
    const auto folder = fs::weakly_canonical(fs::absolute(*path).parent_path());
    const fs::path run_dir = resolve_run_dir(config.run_dir);
    if (std::mismatch(run_dir.begin(), run_dir.end(), folder.begin(), folder.end()).first ==
        run_dir.end())
        claim_run_dir(config.run_dir);
    fs::create_directories(folder);
}

std::string_view engine_of(const Config& config) {
    return config.sqlite_path() ? "sqlite" : "postgres";
}

// The files of one engine and direction ("up"), by the migration's name.
std::map<std::string, const char*> migrations(std::string_view engine, std::string_view direction) {
    const std::string suffix = "." + std::string{direction};
    std::map<std::string, const char*> found;
    for (const auto& file : migration_files)
        if (file.engine == engine && file.name.ends_with(suffix))
            found.emplace(file.name.substr(0, file.name.size() - suffix.size()), file.sql);
    return found;
}

// The first column of the first row, if there is one.
std::optional<std::string> first_value(Connection& connection, const char* sql) {
    const auto rows = connection.query(sql);
    if (rows.empty() || rows.front().empty()) return std::nullopt;
    return rows.front().front();
}

bool has_table(Connection& connection) {
    return !connection
                .query(connection.engine() == "sqlite"
                           ? "SELECT name FROM sqlite_master WHERE name = 'schema_migrations'"
                           : "SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL")
                .empty();
}

// Only a pending migration needs the right to create tables.
void ensure_table(Connection& connection) {
    if (has_table(connection)) return;
    connection.begin();
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations "
        "(name text NOT NULL PRIMARY KEY, applied_at text NOT NULL)");
    connection.execute("COMMIT");
}

bool is_applied(Connection& connection, const std::string& name) {
    return !connection.query("SELECT name FROM schema_migrations WHERE name = $1", {name}).empty();
}

// The names of all that are applied, with the moments.
std::map<std::string, std::string> applied_migrations(Connection& connection) {
    std::map<std::string, std::string> found;
    if (!has_table(connection)) return found;
    for (const auto& row : connection.query("SELECT name, applied_at FROM schema_migrations"))
        found[row[0]] = row[1];
    return found;
}

// Transaction numbers are a cluster's own: after a restore from another one, events may have some
// that this one has not reached, and would be taken for not yet committed.
bool has_foreign_events(Connection& connection) {
    if (connection.engine() == "sqlite") return false;
    const auto is_ahead = first_value(
        connection,
        "SELECT greatest("
        "(SELECT transaction_id::text::bigint FROM events ORDER BY transaction_id DESC LIMIT 1), "
        "(SELECT transaction_id::text::bigint FROM events_pruned)) >= "
        "pg_snapshot_xmax(pg_current_snapshot())::text::bigint");
    return is_ahead == "t";
}

// Their ids keep them in order. Another runner may have done it before this one has the lock.
void adopt_events(Connection& connection, std::ostream& out) {
    if (!has_foreign_events(connection)) return;
    connection.begin();
    const bool is_foreign = has_foreign_events(connection);
    if (is_foreign) {
        connection.execute("UPDATE events SET transaction_id = '0' WHERE transaction_id <> '0'");
        connection.execute("UPDATE events_pruned SET transaction_id = '0'");
    }
    connection.execute("COMMIT");
    if (is_foreign) out << "took over the events of another cluster\n";
}

void seed_developer(const Config& config, Connection& connection, std::ostream& out) {
    if (config.dev_user_email.empty()) return;
    const auto email = ascii_lower(config.dev_user_email);
    if (!connection.query("SELECT id FROM users WHERE email = $1", {email}).empty()) {
        out << "account " << email << " is there already, with the password it has\n";
        return;
    }
    const auto hash = hash_password(config.dev_user_password.reveal(), config.bcrypt_cost);
    const auto made = connection.query(
        "INSERT INTO users (id, email, password_hash) VALUES ($1, $2, $3) "
        "ON CONFLICT (email) DO NOTHING RETURNING id",
        {Uuid::random().text(), email, hash});
    // Another runner may have made it meanwhile.
    if (!made.empty()) out << "account " << email << '\n';
}

}  // namespace

void migrate_up(const Config& config, std::ostream& out) {
    make_place(config);
    const auto connection = connect(config, Purpose::change);
    ensure_table(*connection);
    for (const auto& [name, sql] : migrations(connection->engine(), "up")) {
        if (is_applied(*connection, name)) continue;
        connection->begin();
        const bool is_pending = !is_applied(*connection, name);
        if (is_pending) {
            connection->execute(sql);
            connection->query("INSERT INTO schema_migrations (name, applied_at) VALUES ($1, $2)",
                              {name, Timestamp::now().text()});
        }
        connection->execute("COMMIT");
        if (is_pending) out << "applied " << name << '\n';
    }
    adopt_events(*connection, out);
    seed_developer(config, *connection, out);
}

void migrate_down(const Config& config, std::ostream& out) {
    if (lacks_sqlite_file(config)) {
        out << "nothing to undo\n";
        return;
    }
    const auto connection = connect(config, Purpose::change);
    connection->begin();
    const auto newest =
        has_table(*connection)
            ? first_value(*connection,
                          "SELECT name FROM schema_migrations ORDER BY name DESC LIMIT 1")
            : std::nullopt;
    if (!newest) {
        out << "nothing to undo\n";
        return;
    }
    const auto& name = *newest;
    const auto known = migrations(connection->engine(), "down");
    const auto found = known.find(name);
    if (found == known.end())
        throw std::runtime_error("this version does not know the migration " + name);
    connection->execute(found->second);
    connection->query("DELETE FROM schema_migrations WHERE name = $1", {name});
    connection->execute("COMMIT");
    out << "undone " << name << '\n';
}

void migrate_status(const Config& config, std::ostream& out) {
    std::map<std::string, std::string> lines;
    for (const auto& [name, sql] : migrations(engine_of(config), "up")) lines[name] = "pending";
    if (!lacks_sqlite_file(config))
        for (const auto& [name, moment] : applied_migrations(*connect(config, Purpose::look)))
            lines[name] = moment;
    for (const auto& [name, state] : lines) out << name << "  " << state << '\n';
}

Schema look_at_schema(const Config& config) {
    const auto connection = lacks_sqlite_file(config) ? nullptr : connect(config, Purpose::look);
    const auto applied =
        connection ? applied_migrations(*connection) : std::map<std::string, std::string>{};
    const auto known = migrations(engine_of(config), "up");
    Schema schema;
    for (const auto& [name, sql] : known)
        if (!applied.contains(name)) schema.pending.push_back(name);
    for (const auto& [name, moment] : applied)
        if (!known.contains(name)) schema.newer.push_back(name);
    if (schema.pending.empty() && has_foreign_events(*connection))
        schema.pending.emplace_back("the events of another cluster");
    return schema;
}

std::string database_name(const Config& config) {
    if (const auto path = config.sqlite_path()) return "SQLite (" + *path + ")";
    const auto& url = config.database_url.postgres;
    return "PostgreSQL (" + url.host_names + "/" + url.database + ")";
}
