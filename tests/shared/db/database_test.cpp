#include "shared/db/database.hpp"

#include <libpq-fe.h>

#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <csignal>
#include <filesystem>

#include "shared/db/sqlstate.hpp"
#include "shared/digest.hpp"
#include "sql/all.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/proxy.hpp"

namespace {

constexpr std::string_view echo_parameters[] = {"flag", "number", "text", "id", "moment"};
constexpr Query echo{
    "echo",
    "SELECT $1::boolean AS flag, $2::bigint AS number, $3::text AS text, $4::uuid AS id, "
    "$5::timestamptz AS moment",
    "SELECT $1 AS flag, $2 AS number, $3 AS text, $4 AS id, $5 AS moment", true, echo_parameters};
constexpr Query make_table{"make_table", "CREATE TABLE things (id bigint PRIMARY KEY, name text)",
                           "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)", false};
constexpr std::string_view thing_parameters[] = {"id", "name"};
constexpr Query add_thing{"add_thing", "INSERT INTO things (id, name) VALUES ($1, $2)",
                          "INSERT INTO things (id, name) VALUES ($1, $2)", false, thing_parameters};
constexpr Query count_things{"count_things", "SELECT count(*) AS number FROM things",
                             "SELECT count(*) AS number FROM things", true};
constexpr Query nonsense{"nonsense", "SELECT nothing FROM nowhere", "SELECT nothing FROM nowhere",
                         true};
constexpr Query sleep_long{"sleep_long", "SELECT pg_sleep(60)::text AS text", "SELECT 1", true};

template <class T>
struct Echo {
    std::optional<bool> flag;
    std::optional<T> number;
    std::optional<std::string> text;
    std::optional<Uuid> id;
    std::optional<Timestamp> moment;
    static consteval auto fields() {
        using json::field;
        return std::tuple{field("flag", &Echo::flag), field("number", &Echo::number),
                          field("text", &Echo::text), field("id", &Echo::id),
                          field("moment", &Echo::moment)};
    }
};
using Echoed = Echo<std::int64_t>;

struct Number {
    std::int64_t number = 0;
    static consteval auto fields() { return std::tuple{json::field("number", &Number::number)}; }
};

Async<db::Results> run_later(OpenDatabase& open, db::Batch batch) {
    Timer timer{open.loop(), std::chrono::milliseconds{1000}};
    co_await expired(timer);
    auto results = co_await open.db().run(std::move(batch));
    co_return results;
}

db::Batch batch_of(const Query& query) {
    db::Batch batch;
    batch.add(query);
    return batch;
}

}  // namespace

// SQLite provides the functions of PostgreSQL that the queries use.
ON_BOTH(database, knows_the_same_functions, OpenDatabase, open) {
    static constexpr auto text =
        "SELECT (greatest(1, 2) = 2 AND greatest(NULL, 1) = 1 AND greatest(2, NULL) = 2) AS flag, "
        "CAST(least(1.5, 2) * 2 + least(NULL, 1) + least(1, NULL) AS bigint) AS number, "
        "CAST(to_json(CAST('a\"\n\xc3\xa4' AS text)) AS text) AS text "
        "UNION ALL SELECT strpos(CAST(NULL AS text), 'x') IS NULL, "
        "strpos('\xc3\xa4"
        "bc', 'bc') + strpos('abc', 'x'), entity_tag('{}') "
        "UNION ALL SELECT now() + make_interval(0, 0, 0, 0, 0, 0, 1.5) > now(), "
        "CAST(power(2, 40) + ln(1) + sqrt(0) AS bigint), rfc3339(now() + make_interval(0, 0, 0, 0, "
        "0, 0, 1) "
        "- "
        "make_interval(0, 0, 0, 0, 0, 0, 1))";
    static constexpr Query functions{"functions", text, text, true};
    struct Row {
        bool flag = false;
        std::int64_t number = 0;
        std::string text;
        static consteval auto fields() {
            using json::field;
            return std::tuple{field("flag", &Row::flag), field("number", &Row::number),
                              field("text", &Row::text)};
        }
    };
    db::Batch batch;
    const auto slot = batch.add<Row>(functions);
    const auto results = open.wait(open.db().run(std::move(batch)));
    const auto rows = results.all(slot);
    cr_assert_eq(rows.size(), 3UL);
    for (const auto& row : rows) cr_expect(row.flag);
    cr_expect_eq(rows[0].number, 5);
    EXPECT_TEXT(rows[0].text, "\"a\\\"\\n\xc3\xa4\"");
    cr_expect_eq(rows[1].number, 2);
    EXPECT_TEXT(rows[1].text, entity_tag("{}"));
    cr_expect_eq(rows[2].number, std::int64_t{1} << 40);
    cr_expect(Timestamp::parse(rows[2].text).has_value(), "%s", rows[2].text.c_str());
    constexpr Query no_logarithm{"no_logarithm", "SELECT ln(0)", "SELECT ln(0)", true};
    EXPECT_TEXT(open.sqlstate_of(open.db().run(batch_of(no_logarithm))),
                std::string{sqlstate::logarithm_of_zero});
    constexpr Query no_root{"no_root", "SELECT sqrt(-1)", "SELECT sqrt(-1)", true};
    EXPECT_TEXT(open.sqlstate_of(open.db().run(batch_of(no_root))),
                std::string{sqlstate::square_root_of_negative});
}

ON_BOTH(database, gives_back_every_type_as_it_was, OpenDatabase, open) {
    const auto id = Uuid::random();
    const Timestamp moment{-1};
    const auto row = open.wait(open.db().one<Echoed>(
        echo, db::fields_of(Echoed{true, INT64_MIN, "a\xf0\x9f\x98\x80", id, moment})));
    cr_assert(*row.flag);
    cr_assert_eq(*row.number, INT64_MIN);
    EXPECT_TEXT(row.text->c_str(), "a\xf0\x9f\x98\x80");
    cr_assert(*row.id == id);
    cr_assert(*row.moment == moment);
}

ON_BOTH(database, gives_back_null_of_every_type, OpenDatabase, open) {
    for (int i = 0; i < 2; ++i) {
        const auto row = open.wait(open.db().one<Echoed>(echo, db::fields_of(Echoed{})));
        cr_assert(!row.flag && !row.number && !row.text && !row.id && !row.moment);
    }
}

ON_BOTH(database, tells_an_empty_text_from_null, OpenDatabase, open) {
    const auto row = open.wait(
        open.db().one<Echoed>(echo, db::fields_of(Echoed{false, 0, "", Uuid{}, Timestamp{}})));
    cr_assert(row.text.has_value());
    cr_assert(row.text->empty());
}

ON_BOTH(database, commits_a_batch_as_one, OpenDatabase, open) {
    open.wait(open.db().run(batch_of(make_table)));
    db::Batch good;
    good.add(add_thing, db::named("id", std::int64_t{1}), db::named("name", "one"));
    good.add(add_thing, db::named("id", std::int64_t{2}), db::named("name", "two"));
    const auto counted = good.add<Number>(count_things);
    const auto results = open.wait(open.db().run(std::move(good)));
    cr_assert_eq(results.one(counted).number, 2);

    db::Batch bad;
    bad.add(add_thing, db::named("id", std::int64_t{3}), db::named("name", "three"));
    bad.add(add_thing, db::named("id", std::int64_t{1}), db::named("name", "again"));
    EXPECT_TEXT(open.sqlstate_of(open.db().run(std::move(bad))), "23505");
    cr_assert_eq(open.wait(open.db().one<Number>(count_things)).number, 2);
}

ON_BOTH(database, keeps_an_error_inside_its_own_batch, OpenDatabase, open) {
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 20; ++i)
        batches.push_back(open.db().run(batch_of(i % 2 == 0 ? sql::ping : nonsense)));
    const auto failures = open.wait_for_all(std::move(batches));
    for (std::size_t i = 0; i < failures.size(); ++i)
        cr_assert_eq(failures[i].empty(), i % 2 == 0, "batch %zu: %s", i, failures[i].c_str());
}

ON_BOTH(database, prepares_every_query, OpenDatabase, open) {
    for (const auto& queries : all_queries)
        for (const auto* query : queries) {
            const auto failure = open.prepare(*query);
            cr_assert(failure.empty(), "%s: %s", query->name, failure.c_str());
        }
}

// On a small table the planner may prefer a sequential scan. Without that choice it must use an
// index.
ON_BOTH(database, serves_the_board_from_an_index, OpenDatabase, open) {
    const auto plan = open.plan(sql::list_collab_tasks_since);
    cr_assert(plan.find("collab_tasks_in_creation_order") != plan.npos, "%s", plan.c_str());
    cr_assert(plan.find("Sort") == plan.npos && plan.find("TEMP B-TREE") == plan.npos, "%s",
              plan.c_str());
}

Test(postgres, asks_once_for_each_batch) {
    TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    OpenDatabase open{with_port(database.url(), proxy.port())};
    open.wait(open.db().run(batch_of(sql::ping)));
    // This includes the first run of a query, which also prepares it.
    for (const auto* query : {&sql::ping, &sql::board_revision, &sql::board_revision}) {
        const int before = proxy.round_trips();
        db::Batch batch;
        batch.add(*query);
        batch.add(sql::ping);
        open.wait(open.db().run(std::move(batch)));
        cr_assert_eq(proxy.round_trips() - before, 1, "%s took %d", query->name,
                     proxy.round_trips() - before);
    }
    cr_assert_eq(proxy.connections(), 1);
}

Test(postgres, sends_many_batches_over_few_connections) {
    TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    OpenDatabase open{with_port(database.url(), proxy.port())};
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 200; ++i) batches.push_back(open.db().run(batch_of(sql::ping)));
    for (const auto& failure : open.wait_for_all(std::move(batches))) cr_assert(failure.empty());
    cr_assert_leq(proxy.connections(), 4);
}

Test(postgres, repeats_a_read_whose_connection_died_and_never_a_write) {
    TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    OpenDatabase open{with_port(database.url(), proxy.port())};
    open.wait(open.db().run(batch_of(make_table)));
    const auto kill =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
        "'%pg_sleep%' AND pid <> pg_backend_pid() AND datname = current_database()";
    constexpr Query slow_write{"slow_write",
                               "INSERT INTO things (id, name) SELECT 1, pg_sleep(60)::text",
                               "SELECT 1", false};
    const auto state = open.sqlstate_while(open.db().run(batch_of(slow_write)),
                                           [&] { return database.execute(kill) == "t"; });
    cr_assert(is_connection_failure(state), "%s", state.c_str());
    cr_assert_eq(open.wait(open.db().one<Number>(count_things)).number, 0);

    // The first attempt is killed. The retry returns at once, because the row exists by then.
    constexpr Query slow_read{
        "slow_read",
        "SELECT CASE WHEN count(*) = 0 THEN pg_sleep(60)::text ELSE 'done' END "
        "AS text FROM things",
        "SELECT 1", true};
    const auto read_state = open.sqlstate_while(open.db().run(batch_of(slow_read)), [&] {
        if (database.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' "
                             "AND pid <> pg_backend_pid() AND datname = current_database()") == "0")
            return false;
        database.execute("INSERT INTO things (id) VALUES (1)");
        return database.execute(kill) == "t";
    });
    EXPECT_TEXT(read_state, "");
}

Test(postgres, gives_up_at_the_deadline_when_the_server_is_silent) {
    TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    auto config = test_config(with_port(database.url(), proxy.port()));
    config.db_deadline_ms = 300;
    config.db_connect_timeout_ms = 200;
    OpenDatabase open{config};
    open.wait(open.db().run(batch_of(sql::ping)));
    proxy.stall();
    const auto started = std::chrono::steady_clock::now();
    const auto state = open.sqlstate_of(open.db().run(batch_of(sql::ping)));
    cr_assert_eq(error_for_sqlstate(state), Error::service_unavailable, "%s", state.c_str());
    const auto took = std::chrono::steady_clock::now() - started;
    cr_assert_geq(took / std::chrono::milliseconds{1}, 300);
    // The next batch must reconnect, and the server does not answer that either.
    const auto second = open.sqlstate_of(open.db().run(batch_of(sql::ping)));
    cr_assert_eq(error_for_sqlstate(second), Error::service_unavailable, "%s", second.c_str());
}

// The server itself cancels the statement, so no part of it happens later. The connection survives,
// and so do the batches that follow on it.
Test(postgres, a_statement_that_takes_too_long_is_ended_alone) {
    TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    auto config = test_config(with_port(database.url(), proxy.port()));
    config.db_pool_size = 1;
    config.db_deadline_ms = 2000;
    OpenDatabase open{config};
    open.wait(open.db().run(batch_of(sql::ping)));
    std::vector<Async<db::Results>> batches;
    batches.push_back(open.db().run(batch_of(sleep_long)));
    for (int i = 0; i < 5; ++i) batches.push_back(open.db().run(batch_of(sql::ping)));
    const auto states = open.wait_for_all(std::move(batches));
    EXPECT_TEXT(states.front(), "57014");
    for (std::size_t i = 1; i < states.size(); ++i) EXPECT_TEXT(states[i], "");
    cr_assert_eq(proxy.connections(), 1);
}

// The writes wait for a lock, and reads overtake them. A write that was answered 503 is not carried
// out later, however many were in progress.
Test(postgres, what_was_given_up_is_not_done_later) {
    TestDatabase database{Engine::postgres};
    auto config = test_config(database.url());
    config.db_deadline_ms = 600;
    OpenDatabase open{config};
    open.wait(open.db().run(batch_of(make_table)));
    const PgConnection holder{PQconnectdb(database.url().c_str())};
    PQclear(PQexec(holder.get(), "BEGIN; LOCK TABLE things IN EXCLUSIVE MODE"));

    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 40; ++i) {
        db::Batch write;
        write.add(add_thing, db::named("id", std::int64_t{i}), db::named("name", "late"));
        batches.push_back(open.db().run(std::move(write)));
        batches.push_back(open.db().run(batch_of(count_things)));
    }
    const auto states = open.wait_for_all(std::move(batches));
    for (std::size_t i = 0; i < states.size(); i += 2) {
        cr_expect_eq(error_for_sqlstate(states[i]), Error::service_unavailable, "%s",
                     states[i].c_str());
        EXPECT_TEXT(states[i + 1], "");
    }
    const auto waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
        "datname = current_database()";
    wait_until("nothing waits for the lock", [&] { return database.execute(waiting) == "0"; });
    PQclear(PQexec(holder.get(), "COMMIT"));
    open.wait(open.db().run(batch_of(sql::ping)));
    EXPECT_TEXT(database.execute("SELECT count(*) FROM things"), "0");
}

// libpq closes the first host's socket and opens the second host's under the same descriptor.
Test(postgres, goes_on_to_the_next_host_when_one_refuses) {
    TestDatabase database{Engine::postgres};
    const auto at = database.url().find("127.0.0.1:");
    auto url = database.url();
    OpenDatabase open{url.insert(at, "127.0.0.1:1,")};
    open.wait(open.db().run(batch_of(sql::ping)));
}

// Writes of other rows overtake those that wait for a lock, or are sent once one of those has been
// cancelled. Each has a deadline of its own.
Test(postgres, stuck_writes_do_not_fail_others) {
    TestDatabase database{Engine::postgres};
    auto config = test_config(database.url());
    config.db_deadline_ms = 2000;
    OpenDatabase open{config};
    open.wait(open.db().run(batch_of(make_table)));
    database.execute("INSERT INTO things VALUES (1, 'locked'), (2, 'free')");
    const PgConnection holder{PQconnectdb(database.url().c_str())};
    PQclear(PQexec(holder.get(), "BEGIN; UPDATE things SET name = 'held' WHERE id = 1"));

    static constexpr std::string_view id_parameter[] = {"id"};
    static constexpr Query rename{"rename", "UPDATE things SET name = 'new' WHERE id = $1",
                                  "SELECT 1", false, id_parameter};
    const auto renaming = [&](std::int64_t id) {
        db::Batch batch;
        batch.add(rename, id);
        return batch;
    };
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 6; ++i) batches.push_back(open.db().run(renaming(1)));
    // The others arrive when the first ones have used up half of their time.
    for (int i = 0; i < 20; ++i) batches.push_back(run_later(open, renaming(2)));
    const auto states = open.wait_for_all(std::move(batches));
    for (std::size_t i = 0; i < 6; ++i)
        cr_expect_eq(error_for_sqlstate(states[i]), Error::service_unavailable);
    for (std::size_t i = 6; i < states.size(); ++i) EXPECT_TEXT(states[i], "");
    PQclear(PQexec(holder.get(), "ROLLBACK"));
}

Test(postgres, says_unavailable_when_nobody_listens) {
    OpenDatabase open{std::string{"postgresql://nobody@127.0.0.1:1/nothing"}};
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 10; ++i) batches.push_back(open.db().run(batch_of(sql::ping)));
    for (const auto& failure : open.wait_for_all(std::move(batches))) EXPECT_TEXT(failure, "08001");
}

Test(postgres, comes_back_after_all_its_connections_were_cut) {
    TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    OpenDatabase open{with_port(database.url(), proxy.port())};
    for (int round = 0; round < 3; ++round) {
        open.wait(open.db().run(batch_of(sql::ping)));
        proxy.cut();
    }
    open.wait(open.db().run(batch_of(sql::ping)));
    cr_assert_gt(proxy.connections(), 1);
}

Test(postgres, forgets_prepared_statements_that_the_server_lost) {
    TestDatabase database{Engine::postgres};
    OpenDatabase open{database.url()};
    open.wait(open.db().run(batch_of(make_table)));
    constexpr Query all_things{"all_things", "SELECT * FROM things", "SELECT 1", true};
    open.wait(open.db().run(batch_of(all_things)));
    // PostgreSQL answers "cached plan must not change result type".
    database.execute("ALTER TABLE things ADD COLUMN more text");
    open.wait(open.db().run(batch_of(all_things)));
    constexpr Query forget{"forget", "DEALLOCATE ALL", "SELECT 1", false};
    open.wait(open.db().run(batch_of(forget)));
    open.wait(open.db().run(batch_of(all_things)));
}

static void repeat_once(const std::string& state) {
    TestDatabase database{Engine::postgres};
    OpenDatabase open{database.url()};
    open.wait(open.db().run(batch_of(make_table)));
    // The query fails with that SQLSTATE on the first call and succeeds on the second.
    database.execute(
        "CREATE SEQUENCE calls; CREATE FUNCTION fail_once() RETURNS bigint LANGUAGE plpgsql AS $$ "
        "BEGIN "
        "IF nextval('calls') = 1 THEN RAISE EXCEPTION 'once' USING ERRCODE = '" +
        state +
        "'; END IF; "
        "RETURN currval('calls'); END $$");
    constexpr Query call{"call", "SELECT fail_once() AS number", "SELECT 1", false};
    cr_assert_eq(open.wait(open.db().one<Number>(call)).number, 2);
}

// The server ends an idle session before it reads the next statement, which nobody has run.
Test(postgres, repeats_what_an_idle_session_did_not_read) {
    const TestDatabase database{Engine::postgres};
    const auto url = database.url() + (database.url().find('?') == std::string::npos ? "?" : "&") +
                     "application_name=idler&options=-cidle_session_timeout%3D20ms";
    OpenDatabase open{test_config(url)};
    open.wait(open.db().run(batch_of(make_table)));
    // The loop does not run meanwhile, so it does not see the end of the session.
    wait_until("the session has ended", [&] {
        return database.execute(
                   "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                   "'idler'") == "0";
    });
    db::Batch write;
    write.add(add_thing, db::named("id", std::int64_t{1}), db::named("name", "one"));
    EXPECT_TEXT(open.sqlstate_of(open.db().run(std::move(write))), "");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM things"), "1");
}

Test(postgres, repeats_what_lost_a_deadlock) { repeat_once("40P01"); }
Test(postgres, repeats_what_could_not_be_serialized) { repeat_once("40001"); }

Test(sqlite, says_unavailable_while_another_process_writes) {
    TestDatabase database{Engine::sqlite};
    auto config = test_config(database.url());
    config.db_deadline_ms = 50;
    OpenDatabase open{config};
    open.wait(open.db().run(batch_of(make_table)));
    constexpr Query begin{"begin", "SELECT 1", "BEGIN IMMEDIATE", true};
    OpenDatabase other{config};
    other.wait(other.db().run(batch_of(begin)));
    db::Batch batch;
    batch.add(add_thing, db::named("id", std::int64_t{1}), db::named("name", "one"));
    EXPECT_TEXT(open.sqlstate_of(open.db().run(std::move(batch))), "55P03");
    cr_assert_eq(open.wait(open.db().one<Number>(count_things)).number, 0);
}

Test(sqlite, waits_for_another_process_and_does_not_hold_the_loop) {
    TestDatabase database{Engine::sqlite};
    OpenDatabase open{database.url()};
    open.wait(open.db().run(batch_of(make_table)));
    OpenDatabase other{database.url()};
    constexpr Query begin{"begin", "SELECT 1", "BEGIN IMMEDIATE", true};
    constexpr Query commit{"commit", "SELECT 1", "COMMIT", true};
    other.wait(other.db().run(batch_of(begin)));
    db::Batch batch;
    batch.add(add_thing, db::named("id", std::int64_t{1}), db::named("name", "one"));
    // The lock is released between two turns of the waiting loop.
    const auto state = open.sqlstate_while(open.db().run(std::move(batch)), [&] {
        other.wait(other.db().run(batch_of(commit)));
        return true;
    });
    EXPECT_TEXT(state, "");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM things"), "1");
}

Test(sqlite, says_so_when_the_disk_is_full_and_keeps_what_it_acknowledged) {
    TestDatabase database{Engine::sqlite};
    OpenDatabase open{database.url()};
    open.wait(open.db().run(batch_of(make_table)));
    constexpr Query limit{"limit", "SELECT 1", "PRAGMA max_page_count = 60", true};
    open.wait(open.db().run(batch_of(limit)));
    std::int64_t acknowledged = 0;
    std::string state;
    while (state.empty() && acknowledged < 1000) {
        db::Batch batch;
        batch.add(add_thing, db::named("id", acknowledged + 1),
                  db::named("name", std::string(2000, 'x')));
        state = open.sqlstate_of(open.db().run(std::move(batch)));
        if (state.empty()) ++acknowledged;
    }
    EXPECT_TEXT(state, "53100");
    cr_assert_eq(error_for_sqlstate(state), Error::service_unavailable);
    cr_assert_gt(acknowledged, 0);
    EXPECT_TEXT(database.execute("SELECT count(*) FROM things"), std::to_string(acknowledged));
}

namespace {

constexpr Query begin_writing{"begin_writing", "SELECT 1", "BEGIN IMMEDIATE", true};
constexpr Query end_writing{"end_writing", "SELECT 1", "COMMIT", true};
constexpr std::string_view name_parameter[] = {"name"};
constexpr Query append_thing{"append_thing", "SELECT 1",
                             "INSERT INTO things (id, name) "
                             "SELECT coalesce(max(id), 0) + 1, $1 FROM things",
                             false, name_parameter};
constexpr Query never_ends{"never_ends", "SELECT 1",
                           "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM "
                           "counter) SELECT count(*) AS number FROM counter",
                           true};

db::Batch appending(const std::string& name) {
    db::Batch batch;
    batch.add(append_thing, name);
    return batch;
}

Async<db::Results> append_after(OpenDatabase& open, int milliseconds) {
    co_await sleep_for(std::chrono::milliseconds{milliseconds});
    auto results = co_await open.db().run(appending(std::to_string(milliseconds)));
    co_return results;
}

Async<db::Results> release_after(OpenDatabase& open, OpenDatabase& holder, int milliseconds) {
    Timer timer{open.loop(), std::chrono::milliseconds{milliseconds}};
    co_await expired(timer);
    co_return holder.wait(holder.db().run(batch_of(end_writing)));
}

std::string path_of(const TestDatabase& database) {
    return database.url().substr(std::string_view{"sqlite:///"}.size());
}

// Puts another database with the same schema and an empty table `things` in its place.
void put_backup_in_place(const TestDatabase& database) {
    const auto path = path_of(database);
    std::filesystem::copy_file(test_variable("TEST_DIR") + "/template.db", path + ".backup");
    std::filesystem::rename(path + ".backup", path);
}

std::string append(OpenDatabase& open) { return open.sqlstate_of(open.db().run(appending("x"))); }

}  // namespace

Test(sqlite, writers_have_the_lock_in_the_order_in_which_they_came) {
    TestDatabase database{Engine::sqlite};
    OpenDatabase open{database.url()};
    open.wait(open.db().run(batch_of(make_table)));
    OpenDatabase other{database.url()};
    other.wait(other.db().run(batch_of(begin_writing)));
    std::vector<Async<db::Results>> batches;
    std::string in_order;
    for (int i = 0; i < 20; ++i) {
        batches.push_back(append_after(open, i));
        in_order += (i == 0 ? "" : " ") + std::to_string(i);
    }
    batches.push_back(release_after(open, other, 30));
    for (const auto& state : open.wait_for_all(std::move(batches))) EXPECT_TEXT(state, "");
    EXPECT_TEXT(database.execute("SELECT group_concat(name, ' ') FROM "
                                 "(SELECT name FROM things ORDER BY id)"),
                in_order);
}

Test(sqlite, writers_that_wait_keep_their_deadlines_and_hold_up_no_reads) {
    TestDatabase database{Engine::sqlite};
    auto config = test_config(database.url());
    config.db_deadline_ms = 200;
    OpenDatabase open{config};
    open.wait(open.db().run(batch_of(make_table)));
    OpenDatabase other{config};
    other.wait(other.db().run(batch_of(begin_writing)));
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 20; ++i) {
        batches.push_back(open.db().run(appending("late")));
        batches.push_back(open.db().run(batch_of(count_things)));
    }
    const auto states = open.wait_for_all(std::move(batches));
    for (std::size_t i = 0; i < states.size(); i += 2) {
        EXPECT_TEXT(states[i], "55P03");
        EXPECT_TEXT(states[i + 1], "");
    }
    other.wait(other.db().run(batch_of(end_writing)));
    EXPECT_TEXT(append(open), "");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM things"), "1");
}

Test(sqlite, a_close_ends_all_writers_that_wait) {
    TestDatabase database{Engine::sqlite};
    OpenDatabase open{database.url()};
    open.wait(open.db().run(batch_of(make_table)));
    OpenDatabase other{database.url()};
    other.wait(other.db().run(batch_of(begin_writing)));
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 5; ++i) batches.push_back(open.db().run(appending("late")));
    boost::asio::post(open.loop(), [&] { open.db().close(); });
    for (const auto& state : open.wait_for_all(std::move(batches))) EXPECT_TEXT(state, "57P01");
    other.wait(other.db().run(batch_of(end_writing)));
    EXPECT_TEXT(database.execute("SELECT count(*) FROM things"), "0");
}

Test(sqlite, a_statement_is_ended_at_the_deadline) {
    TestDatabase database{Engine::sqlite};
    auto config = test_config(database.url());
    config.db_deadline_ms = 200;
    OpenDatabase open{config};
    open.wait(open.db().run(batch_of(make_table)));
    const auto started = Clock::now();
    EXPECT_TEXT(open.sqlstate_of(open.db().run(batch_of(never_ends))), "57014");
    cr_expect_geq((Clock::now() - started) / std::chrono::milliseconds{1}, 200);
    cr_expect_eq(error_for_sqlstate("57014"), Error::service_unavailable);
    auto write = appending("late");
    write.add(never_ends);
    EXPECT_TEXT(open.sqlstate_of(open.db().run(std::move(write))), "57014");
    EXPECT_TEXT(append(open), "");
    cr_expect_eq(open.wait(open.db().one<Number>(count_things)).number, 1);
}

Test(sqlite, refuses_writes_while_the_file_is_away_and_goes_on_when_it_is_back) {
    TestDatabase database{Engine::sqlite};
    const auto path = path_of(database);
    OpenDatabase open{database.url()};
    open.wait(open.db().run(batch_of(make_table)));
    // Losing any one of the files would lose writes.
    for (const char* suffix : {"", "-wal", "-shm"}) {
        std::filesystem::rename(path + suffix, path + ".away");
        EXPECT_TEXT(append(open), "08006");
        std::filesystem::rename(path + ".away", path + suffix);
        EXPECT_TEXT(append(open), "");
    }
    EXPECT_TEXT(database.execute("SELECT count(*) FROM things"), "3");
}

Test(sqlite, a_read_notices_within_a_second_that_the_file_was_removed) {
    TestDatabase database{Engine::sqlite};
    OpenDatabase open{database.url()};
    open.wait(open.db().run(batch_of(sql::ping)));
    std::filesystem::remove(path_of(database));
    wait_until("a read is refused",
               [&] { return open.sqlstate_of(open.db().run(batch_of(sql::ping))) == "08006"; });
    cr_expect_not(std::filesystem::exists(path_of(database)));
}

Test(sqlite, what_was_not_checkpointed_never_reaches_a_file_that_replaced_it) {
    TestDatabase database{Engine::sqlite};
    {
        OpenDatabase open{database.url()};
        open.wait(open.db().run(batch_of(make_table)));
        EXPECT_TEXT(append(open), "");
        put_backup_in_place(database);
        EXPECT_TEXT(append(open), "08006");
    }
    OpenDatabase open{database.url()};
    EXPECT_TEXT(open.sqlstate_of(open.db().run(batch_of(count_things))), "42P01");
    open.wait(open.db().run(batch_of(make_table)));
    EXPECT_TEXT(append(open), "");
    EXPECT_TEXT(database.execute("PRAGMA integrity_check"), "ok");
}

// The database file may come back, and the -wal holds the changes that it lacks.
Test(sqlite, keeps_the_newest_changes_of_a_deleted_file) {
    TestDatabase database{Engine::sqlite};
    const auto path = database.url().substr(std::string{"sqlite:///"}.size());
    {
        OpenDatabase open{database.url()};
        open.wait(open.db().run(batch_of(make_table)));
        EXPECT_TEXT(append(open), "");
        std::filesystem::copy(path, path + ".away");
        std::filesystem::remove(path);
        EXPECT_TEXT(append(open), "08006");
    }
    cr_expect_not(std::filesystem::exists(path + "-wal"), "the next database would be given it");
    std::filesystem::rename(path + ".away", path);
    std::filesystem::rename(path + "-wal.lost", path + "-wal");
    OpenDatabase open{database.url()};
    cr_expect_eq(open.wait(open.db().one<Number>(count_things)).number, 1);
}

Test(sqlite, refuses_a_file_that_replaced_one_which_another_process_uses) {
    TestDatabase database{Engine::sqlite};
    int ready[2];
    cr_assert_eq(pipe(ready), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        OpenDatabase open{database.url()};
        open.wait(open.db().run(batch_of(make_table)));
        [[maybe_unused]] const auto written = write(ready[1], "r", 1);
        for (;;) pause();
    }
    char byte = 0;
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    {
        OpenDatabase beside{database.url()};
        EXPECT_TEXT(beside.sqlstate_of(beside.db().run(batch_of(count_things))), "");
    }
    put_backup_in_place(database);
    OpenDatabase open{database.url()};
    EXPECT_TEXT(open.sqlstate_of(open.db().run(batch_of(sql::ping))), "08006");
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
}

Test(sqlite, never_makes_the_file) {
    TestDatabase database{Engine::sqlite};
    std::filesystem::remove(path_of(database));
    OpenDatabase open{database.url()};
    EXPECT_TEXT(open.sqlstate_of(open.db().run(batch_of(sql::ping))), "08001");
    EXPECT_TEXT(append(open), "08001");
    cr_expect_not(std::filesystem::exists(path_of(database)));
}

Test(sqlite, works_in_memory) {
    OpenDatabase open{std::string{"sqlite:///:memory:"}};
    open.wait(open.db().run(batch_of(make_table)));
    EXPECT_TEXT(append(open), "");
    cr_expect_eq(open.wait(open.db().one<Number>(count_things)).number, 1);
}

// Both engines report the same SQLSTATE.
ON_BOTH(database, says_that_the_schema_lacks_something, OpenDatabase, open) {
    constexpr Query no_table{"no_table", "SELECT 1 FROM nowhere", "SELECT 1 FROM nowhere", true};
    constexpr Query no_column{"no_column", "SELECT absent FROM tasks", "SELECT absent FROM tasks",
                              true};
    constexpr Query no_target{"no_target", "INSERT INTO tasks (absent) VALUES (1)",
                              "INSERT INTO tasks (absent) VALUES (1)", false};
    constexpr Query no_function{"no_function", "SELECT absent(1)", "SELECT absent(1)", true};
    EXPECT_TEXT(open.sqlstate_of(open.db().run(batch_of(no_table))), "42P01");
    EXPECT_TEXT(open.sqlstate_of(open.db().run(batch_of(no_column))), "42703");
    EXPECT_TEXT(open.sqlstate_of(open.db().run(batch_of(no_target))), "42703");
    EXPECT_TEXT(open.sqlstate_of(open.db().run(batch_of(no_function))), "42883");
}

Test(sqlite, says_unavailable_when_the_file_cannot_be_opened) {
    OpenDatabase open{std::string{"sqlite:////nonexistent/folder/x.db"}};
    EXPECT_TEXT(open.sqlstate_of(open.db().run(batch_of(sql::ping))), "08001");
}
