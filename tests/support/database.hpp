// Databases for tests: one with the whole schema and of its own for each test, and an open engine
// on it.
#pragma once

#include <criterion/criterion.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/config/config.hpp"
#include "shared/db/database.hpp"
#include "shared/json/fields.hpp"

struct pg_conn;  // libpq's PGconn
struct PgFinish {
    void operator()(pg_conn* connection) const;
};
using PgConnection = std::unique_ptr<pg_conn, PgFinish>;

// What tests/run says: TEST_DIR, TEST_POSTGRES_URL.
std::string test_variable(const char* name);

enum class Engine { sqlite, postgres };

// Runs a test's body with each engine in turn, in the one process that the test has: most of what a
// small test costs is its process. An assertion that fails says on stderr with which of them, and
// so does a test that ends early, but by a crash or a timeout.
void with_each_engine(void (*body)(Engine));

// A test that is passed with both engines; its body follows, with `fixture`, a Fixture that was
// made from the engine, and from the arguments before it.
#define ON_BOTH(suite, name, Fixture, fixture, ...)          \
    static void suite##_##name(Fixture& fixture);            \
    Test(suite, name) {                                      \
        with_each_engine([](Engine engine) {                 \
            Fixture made{__VA_ARGS__ __VA_OPT__(, ) engine}; \
            suite##_##name(made);                            \
        });                                                  \
    }                                                        \
    static void suite##_##name([[maybe_unused]] Fixture& fixture)

// LOGIN_RATE_LIMIT and RATE_LIMIT of tests that are about something else.
inline constexpr const char* unlimited = "1000000/day";

// API_KEYS of tests: both are accepted.
inline constexpr const char* api_key = "key-of-the-tests-1";
inline constexpr const char* other_api_key = "key-of-the-tests-2";

// BETTER_AUTH_SECRET of tests.
inline constexpr const char* issuer_secret = "a secret of another issuer, long enough for HS256";

// The configuration of tests: every default, cheap hashes, no limits, fixed secrets, and a RUN_DIR
// of the test's own.
Config test_config(const std::string& database_url,
                   const SettingGroups& groups = all_setting_groups());

// A database as `migrate up` leaves it, made from the template that tests/run prepared. Of
// PostgreSQL there is one for each test that runs at the same time, emptied for the next: making
// one takes longer than most tests.
class TestDatabase {
public:
    explicit TestDatabase(Engine engine);
    ~TestDatabase();
    TestDatabase(const TestDatabase&) = delete;
    TestDatabase& operator=(const TestDatabase&) = delete;

    // Of the service; through a pooler where tests/run started one.
    const std::string& url() const { return url_; }

    // Runs SQL on a connection that no service has, kept for the next time, and returns the first
    // cell of the last statement's first row, as text.
    std::string execute(const std::string& sql) const;

    // Makes an account, without a password, where there is none of this id.
    void add_user(const std::string& id) const;

    // Waits until every event may be read: an open transaction holds the feeds of all databases of
    // the cluster up, and other tests have some.
    void wait_for_feed() const;

private:
    void take_postgres();

    Engine engine_;
    int lock_ = -1;  // of the slot, while it is used
    mutable PgConnection connection_;
    std::string url_;
    std::string control_url_;  // of the same, for the test's own SQL
};

// An engine with a loop of its own. What a test awaits runs until it is done.
class OpenDatabase {
public:
    explicit OpenDatabase(Engine engine);
    explicit OpenDatabase(const std::string& url);
    explicit OpenDatabase(const Config& config);
    ~OpenDatabase();
    OpenDatabase(const OpenDatabase&) = delete;
    OpenDatabase& operator=(const OpenDatabase&) = delete;

    Database& db() { return *db_; }
    Loop& loop() { return loop_; }

    template <class T>
    T wait(Async<T> awaited) {
        std::optional<T> result;
        run(keep(std::move(awaited), result));
        return std::move(*result);
    }

    // The SQLSTATE that a batch fails with; empty when it does not.
    std::string sqlstate_of(Async<db::Results> batch);

    // The same for batches that are under way together, in their order.
    std::vector<std::string> wait_for_all(std::vector<Async<db::Results>> batches);

    // The same for one batch while `meanwhile` is called, in between, until it returns true.
    std::string sqlstate_while(Async<db::Results> batch, const std::function<bool()>& meanwhile);

    // Prepares a query without running it; what went wrong, or empty.
    std::string prepare(const Query& query);

    // The engine's plan for a query whatever its parameters, sequential scans and sorting forbidden
    // where the engine can be told so.
    std::string plan(const Query& query);

private:
    template <class T>
    static Async<> keep(Async<T> awaited, std::optional<T>& result) {
        result.emplace(co_await std::move(awaited));
    }
    void run(Async<> work);
    void run_until(const bool& is_done);
    pg_conn* planner();

    std::unique_ptr<TestDatabase> own_;
    Config config_;
    PgConnection planner_;  // what prepare() and plan() ask, opened when they do
    Loop loop_{1};
    // A database knows a query by its address.
    std::deque<std::string> explained_texts_;
    std::deque<Query> explained_;
    std::unique_ptr<Database> db_;
};
