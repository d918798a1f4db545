#include "tests/support/database.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "tests/support/expect.hpp"
#include "tests/support/literals.hpp"

std::string test_variable(const char* name) {
    const char* value = std::getenv(name);
    cr_assert_not_null(value, "%s is not set: run the tests through tests/run", name);
    return value;
}

namespace {

struct Executed {
    std::string cell;   // the first column of the first row
    std::string error;  // empty without one
};

Executed try_postgres(PGconn* connection, const std::string& sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result{PQexec(connection, sql.c_str()),
                                                               &PQclear};
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        return {"", std::string{PQerrorMessage(connection)}};
    const bool has_cell = PQntuples(result.get()) > 0 && PQnfields(result.get()) > 0;
    return {has_cell ? PQgetvalue(result.get(), 0, 0) : "", ""};
}

std::string execute_postgres(PGconn* connection, const std::string& sql) {
    auto executed = try_postgres(connection, sql);
    cr_assert(executed.error.empty(), "%s: %s", sql.c_str(), executed.error.c_str());
    return std::move(executed.cell);
}

std::string execute_sqlite(const std::string& path, const std::string& sql) {
    sqlite3* connection = nullptr;
    sqlite3_open(path.c_str(), &connection);
    sqlite3_busy_timeout(connection, 5000);
    std::pair<std::string, bool> cell{"", false};
    char* error = nullptr;
    const int code = sqlite3_exec(
        connection, sql.c_str(),
        [](void* kept, int count, char** values, char**) {
            auto& [text, is_set] = *static_cast<std::pair<std::string, bool>*>(kept);
            if (!is_set && count > 0 && values[0]) text = values[0];
            is_set = true;
            return 0;
        },
        &cell, &error);
    const std::string reason = error ? error : "";
    sqlite3_free(error);
    sqlite3_close(connection);
    cr_assert(code == SQLITE_OK, "%s: %s", sql.c_str(), reason.c_str());
    return cell.first;
}

std::string with_database(const std::string& url, const std::string& name) {
    return url.substr(0, url.rfind('/') + 1) + name;
}

constexpr std::string_view sqlite_scheme = "sqlite:///";

constexpr const char* end_others =
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()";

// Everything in a database except its rows.
constexpr const char* fingerprint =
    "SELECT md5(string_agg(line, chr(10) ORDER BY line)) FROM ("
    "SELECT 'column ' || attrelid::regclass || ' ' || attname || ' ' || atttypid || ' ' || "
    "attnotnull || ' ' || attnum AS line FROM pg_attribute JOIN pg_class ON pg_class.oid = "
    "attrelid "
    "WHERE relnamespace = 'public'::regnamespace AND attnum > 0 "
    "UNION ALL SELECT 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) "
    "FROM pg_constraint WHERE connamespace = 'public'::regnamespace "
    "UNION ALL SELECT 'function ' || proname || ' ' || coalesce(prosrc, '') FROM pg_proc "
    "WHERE pronamespace = 'public'::regnamespace "
    "UNION ALL SELECT 'trigger ' || tgname || ' ' || tgenabled::text FROM pg_trigger "
    "WHERE NOT tgisinternal "
    "UNION ALL SELECT 'rule ' || rulename FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class "
    "WHERE relnamespace = 'public'::regnamespace "
    "UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp' "
    "UNION ALL SELECT 'setting ' || setconfig::text FROM pg_db_role_setting "
    "JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = current_database() "
    "UNION ALL SELECT concat('migration ', name, functions_digest) FROM schema_migrations "
    "UNION ALL SELECT 'slot ' || slot FROM board_revisions) AS lines";

// Every table except those whose rows a migration created.
constexpr const char* empty_tables =
    "DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || "
    "' RESTART IDENTITY' FROM pg_tables WHERE schemaname = 'public' "
    "AND tablename NOT IN ('schema_migrations', 'board_revisions', 'events_pruned', "
    "'feed_epoch')); END $$; "
    "UPDATE events_pruned SET (transaction_id, id) = ('0', 0) WHERE id > 0; "
    "DELETE FROM feed_epoch WHERE first_history IS NULL";

// The engine of the current test body.
const char* running_with = nullptr;

// The RUN_DIR of the test. The services of one test share it.
std::string run_dir() { return test_variable("TEST_DIR") + "/run_" + std::to_string(getpid()); }

}  // namespace

// Criterion reports the result of each assertion through this function.
extern "C" __attribute__((visibility("default"))) void criterion_send_assert(
    criterion_assert_stats* stats) {
    if (!stats->passed && running_with)
        std::fprintf(stderr, "%s:%u fails with %s.\n", stats->file, stats->line, running_with);
    static const auto send = reinterpret_cast<decltype(&criterion_send_assert)>(
        dlsym(RTLD_NEXT, "criterion_send_assert"));
    send(stats);
}

void with_each_engine(void (*body)(Engine)) {
    std::atexit([] {
        if (running_with) std::fprintf(stderr, "The test ended early, with %s.\n", running_with);
    });
    running_with = "SQLite";
    body(Engine::sqlite);
    std::filesystem::remove_all(run_dir());
    running_with = "PostgreSQL";
    body(Engine::postgres);
    running_with = nullptr;
}

TestDatabase::TestDatabase(Engine engine) : engine_(engine) {
    static std::atomic<int> count = 0;
    if (engine == Engine::postgres) {
        take_postgres();
        return;
    }
    const auto path = test_variable("TEST_DIR") + "/test_" + std::to_string(getpid()) + "_" +
                      std::to_string(++count) + ".db";
    std::filesystem::copy_file(test_variable("TEST_DIR") + "/template.db", path);
    url_ = "sqlite:///" + path;
    server_url_ = url_;
}

// Takes the first free slot and removes what the last test may have left there. If that test
// changed more than rows, creates the database again.
void TestDatabase::take_postgres() {
    int slot = 0;
    do {
        const auto path = test_variable("TEST_DIR") + "/slot_" + std::to_string(++slot);
        if (lock_ >= 0) close(lock_);
        lock_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        cr_assert_geq(lock_, 0, "%s", path.c_str());
    } while (flock(lock_, LOCK_EX | LOCK_NB) != 0);
    const auto server = test_variable("TEST_POSTGRES_URL");
    const auto name = "slot_" + std::to_string(slot);
    control_url_ = with_database(test_variable("TEST_CONTROL_URL"), name);
    const char* const pooler = std::getenv("TEST_POOLER_URL");
    server_url_ = with_database(server, name);
    url_ = pooler ? with_database(pooler, name) : server_url_;

    // The file contains the fingerprint of its database.
    char untouched[32];
    const bool is_used = pread(lock_, untouched, sizeof untouched, 0) == sizeof untouched;
    if (is_used) {
        execute(end_others);
        if (try_postgres(connection_.get(), fingerprint).cell ==
            std::string_view{untouched, sizeof untouched}) {
            execute(empty_tables);
            return;
        }
        connection_.reset();
        // If the test is killed after this line, the slot counts as never used.
        cr_assert_eq(ftruncate(lock_, 0), 0);
    }
    const auto quiet = server + "?options=-cclient_min_messages%3Dwarning";
    const PgConnection administrator{PQconnectdb(quiet.c_str())};
    execute_postgres(administrator.get(), "DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
    execute_postgres(administrator.get(),
                     "CREATE DATABASE " + name + " TEMPLATE steelthread_template");
    const auto made = execute(fingerprint);
    cr_assert_eq(pwrite(lock_, made.data(), made.size(), 0), sizeof untouched);
}

TestDatabase::~TestDatabase() {
    if (engine_ == Engine::postgres) {
        close(lock_);
        return;
    }
    for (const char* suffix : {"", "-wal", "-shm"})
        std::filesystem::remove(url_.substr(sqlite_scheme.size()) + suffix);
}

void PgFinish::operator()(pg_conn* connection) const { PQfinish(connection); }

std::string TestDatabase::execute(const std::string& sql) const {
    if (engine_ == Engine::sqlite) return execute_sqlite(url_.substr(sqlite_scheme.size()), sql);
    // A read notices that the server has since closed the connection.
    if (connection_ && PQconsumeInput(connection_.get()) == 0) connection_.reset();
    if (!connection_) connection_.reset(PQconnectdb(control_url_.c_str()));
    return execute_postgres(connection_.get(), sql);
}

void TestDatabase::add_user(const std::string& id) const {
    execute("INSERT INTO users (id) VALUES (" + quoted(id) + ") ON CONFLICT DO NOTHING");
}

void TestDatabase::wait_for_feed() const {
    if (engine_ == Engine::sqlite) return;
    wait_until("every event may be read", [&] {
        return execute(
                   "SELECT coalesce(bool_and(transaction_id < "
                   "pg_snapshot_xmin(pg_current_snapshot())), true) FROM events") == "t";
    });
}

Config test_config(const std::string& database_url, const SettingGroups& groups) {
    return load_config({{"API_KEYS", std::string{api_key} + "," + other_api_key},
                        {"BETTER_AUTH_SECRET", issuer_secret},
                        {"DATABASE_URL", database_url},
                        {"BCRYPT_COST", "4"},
                        {"LOGIN_RATE_LIMIT", unlimited},
                        {"RATE_LIMIT", unlimited},
                        {"USER_RATE_LIMIT", unlimited},
                        {"RUN_DIR", run_dir()},
                        {"JWT_SECRET", "a secret of the tests, long enough for HS256"}},
                       groups);
}

namespace {

// Empty without a failure. Any exception other than a DbError fails the test.
std::string state_of(const std::exception_ptr& failure) {
    try {
        rethrow(failure);
        return "";
    } catch (const DbError& error) {
        return error.sqlstate();
    }
}

}  // namespace

OpenDatabase::OpenDatabase(Engine engine)
    : own_(std::make_unique<TestDatabase>(engine)),
      config_(test_config(own_->url())),
      db_(open_database(config_, loop_)) {}

OpenDatabase::OpenDatabase(const std::string& url) : OpenDatabase(test_config(url)) {}

OpenDatabase::OpenDatabase(const Config& config)
    : config_(config), db_(open_database(config_, loop_)) {}

OpenDatabase::~OpenDatabase() {
    db_->close();
    loop_.restart();
    loop_.run();
}

void OpenDatabase::run_until(const bool& is_done) {
    loop_.restart();
    while (!is_done && loop_.run_one() > 0) continue;
    cr_assert(is_done, "the loop ended before the answer");
}

void OpenDatabase::run(Async<> work) {
    std::exception_ptr failure;
    bool is_done = false;
    spawn(loop_, std::move(work), [&](const std::exception_ptr& thrown) {
        failure = thrown;
        is_done = true;
    });
    run_until(is_done);
    if (failure) std::rethrow_exception(failure);
}

std::string OpenDatabase::sqlstate_of(Async<db::Results> batch) {
    std::vector<Async<db::Results>> one;
    one.push_back(std::move(batch));
    return wait_for_all(std::move(one)).front();
}

std::vector<std::string> OpenDatabase::wait_for_all(std::vector<Async<db::Results>> batches) {
    std::vector<std::string> states(batches.size());
    std::vector<std::optional<db::Results>> results(batches.size());
    std::size_t waiting = batches.size();
    bool is_done = batches.empty();
    for (std::size_t i = 0; i < batches.size(); ++i)
        spawn(loop_, keep(std::move(batches[i]), results[i]),
              [&, i](const std::exception_ptr& failure) {
                  states[i] = state_of(failure);
                  is_done = --waiting == 0;
              });
    run_until(is_done);
    return states;
}

std::string OpenDatabase::sqlstate_while(Async<db::Results> batch,
                                         const std::function<bool()>& meanwhile) {
    std::string state;
    std::optional<db::Results> results;
    bool is_done = false;
    bool goes_on = true;
    spawn(loop_, keep(std::move(batch), results), [&](const std::exception_ptr& failure) {
        state = state_of(failure);
        is_done = true;
    });
    loop_.restart();
    while (!is_done) {
        loop_.run_one_for(std::chrono::milliseconds{10});
        if (goes_on) goes_on = !meanwhile();
    }
    return state;
}

PGconn* OpenDatabase::planner() {
    if (!planner_) {
        planner_.reset(PQconnectdb(config_.database_url.text.c_str()));
        cr_assert(PQstatus(planner_.get()) == CONNECTION_OK, "%s", PQerrorMessage(planner_.get()));
    }
    return planner_.get();
}

std::string OpenDatabase::prepare(const Query& query) {
    if (const auto path = config_.sqlite_path()) {
        // The engine defines functions of its own, so it must run the statement. EXPLAIN only
        // compiles it.
        const std::string text = std::string{"EXPLAIN "} + query.sqlite;
        const Query explain{query.name, query.postgres, text.c_str(), true};
        db::Batch batch;
        batch.add(explain);
        try {
            wait(db_->run(std::move(batch)));
            return "";
        } catch (const DbError& error) {
            return error.what();
        }
    }
    PGresult* result = PQprepare(planner(), "", query.postgres, 0, nullptr);
    const std::string error = PQresultErrorMessage(result);
    PQclear(result);
    return error;
}

std::string OpenDatabase::plan(const Query& query) {
    std::string plan;
    if (const auto path = config_.sqlite_path()) {
        const auto& text =
            explained_texts_.emplace_back("EXPLAIN QUERY PLAN " + std::string{query.sqlite});
        const auto& explain =
            explained_.emplace_back(Query{query.name, query.postgres, text.c_str(), true});
        db::Batch batch;
        const auto steps = batch.add(explain);
        const auto results = wait(db_->run(std::move(batch)));
        const auto& rows = results.rows(steps);
        for (std::size_t row = 0; row < rows.size(); ++row)
            plan.append(rows.text(row, 3)).append("\n");
        return plan;
    }
    std::string values;
    for (int i = 1;
         std::string_view{query.postgres}.find("$" + std::to_string(i)) != std::string_view::npos;
         ++i)
        values += i == 1 ? "(NULL" : ", NULL";
    const std::string sql =
        std::string{
            "DEALLOCATE ALL; SET enable_seqscan = off; SET enable_bitmapscan = off; "
            "SET enable_sort = off; SET plan_cache_mode = force_generic_plan; "
            "PREPARE query AS "} +
        query.postgres + "; EXPLAIN EXECUTE query " + values + (values.empty() ? "" : ")");
    PGresult* result = PQexec(planner(), sql.c_str());
    plan = PQresultErrorMessage(result);
    for (int row = 0; row < PQntuples(result); ++row)
        plan.append(PQgetvalue(result, row, 0)).append("\n");
    PQclear(result);
    return plan;
}
