// Databases for tests: each test has one of its own, with the whole schema, and an open engine on
// it.
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

// Returns a variable that tests/run sets: TEST_DIR, TEST_POSTGRES_URL.
std::string test_variable(const char* name);

enum class Engine { sqlite, postgres };

// Runs the body of a test with one engine after the other in the test's only process, because
// starting a process is most of what a small test costs. If an assertion fails or the test ends
// early, stderr names the engine, except after a crash or a timeout.
void with_each_engine(void (*body)(Engine));

// Defines a test that must pass on both engines. Its body follows, with `fixture`, a Fixture made
// from the engine and the preceding arguments.
#define ON_BOTH(suite, name, Fixture, fixture, ...)          \
    static void suite##_##name(Fixture& fixture);            \
    Test(suite, name) {                                      \
        with_each_engine([](Engine engine) {                 \
            Fixture made{__VA_ARGS__ __VA_OPT__(, ) engine}; \
            suite##_##name(made);                            \
        });                                                  \
    }                                                        \
    static void suite##_##name([[maybe_unused]] Fixture& fixture)

// LOGIN_RATE_LIMIT, RATE_LIMIT and USER_RATE_LIMIT for tests of something else.
inline constexpr const char* unlimited = "1000000/day";

// API_KEYS for tests. Both are accepted.
inline constexpr const char* api_key = "key-of-the-tests-1";
inline constexpr const char* other_api_key = "key-of-the-tests-2";

// BETTER_AUTH_SECRET for tests.
inline constexpr const char* issuer_secret = "a secret of another issuer, long enough for HS256";

// The configuration for tests: every default, cheap hashes, no limits, fixed secrets, and a RUN_DIR
// for this test alone.
Config test_config(const std::string& database_url,
                   const SettingGroups& groups = all_setting_groups());

// A database as `migrate up` leaves it, made from the template that tests/run prepared. There is
// one PostgreSQL database for each concurrent test, which is emptied for the next one: creating a
// database takes longer than most tests.
class TestDatabase {
public:
    explicit TestDatabase(Engine engine);
    ~TestDatabase();
    TestDatabase(const TestDatabase&) = delete;
    TestDatabase& operator=(const TestDatabase&) = delete;

    // The URL for the service. It leads through a pooler if tests/run started one.
    const std::string& url() const { return url_; }

    // The same without a pooler, and with one that gives each client a session.
    const std::string& server_url() const { return server_url_; }
    const std::string& pooler_url() const { return control_url_; }

    // Runs SQL on a connection that no service uses and that stays open. Returns the first cell of
    // the last statement's first row as text.
    std::string execute(const std::string& sql) const;

    // Creates an account without a password unless one with this id exists.
    void add_user(const std::string& id) const;

    // Waits until every event may be read. An open transaction delays the feeds of all databases in
    // its cluster, and other tests have open transactions.
    void wait_for_feed() const;

private:
    void take_postgres();

    Engine engine_;
    int lock_ = -1;  // on the slot while it is in use
    mutable PgConnection connection_;
    std::string url_;
    std::string server_url_;
    std::string control_url_;  // for the test's own SQL
};

// An engine and its loop. The loop runs until what the test awaits is done.
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

    // Returns the SQLSTATE that a batch fails with, or an empty text if it succeeds.
    std::string sqlstate_of(Async<db::Results> batch);

    // The same for concurrent batches, in their order.
    std::vector<std::string> wait_for_all(std::vector<Async<db::Results>> batches);

    // The same for one batch. Meanwhile calls `meanwhile` repeatedly until it returns true.
    std::string sqlstate_while(Async<db::Results> batch, const std::function<bool()>& meanwhile);

    // Prepares a query without running it. Returns the error, or an empty text.
    std::string prepare(const Query& query);

    // Returns the engine's plan for a query with any parameters. Sequential scans and sorting are
    // disabled where the engine supports that.
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
    PgConnection planner_;  // used by prepare() and plan(), which open it
    Loop loop_{1};
    // A database identifies a query by its address.
    std::deque<std::string> explained_texts_;
    std::deque<Query> explained_;
    std::unique_ptr<Database> db_;
};
