// Which PostgreSQL server the connections go to, and when they are closed.
#include "shared/db/engines.hpp"
#include "shared/db/sqlstate.hpp"
#include "sql/health.hpp"
#include "sql/prune.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/proxy.hpp"

namespace {

using namespace std::chrono_literals;

// A statement that writes, but changes nothing.
db::Batch a_write() {
    db::Batch batch;
    batch.add(sql::prune_events, db::named("after_id", std::int64_t{0}),
              db::named("limit", std::int64_t{1}), db::named("created_before", Timestamp{}));
    return batch;
}

db::Batch a_read() {
    db::Batch batch;
    batch.add(sql::ping);
    return batch;
}

// Returns the URL with another host in front of its own.
std::string with_first(unsigned short port, std::string url, const std::string& parameters = "") {
    return url.insert(url.find("127.0.0.1:"), "127.0.0.1:" + std::to_string(port) + ",") +
           parameters;
}

// Makes new sessions of this database read-only, or writable again.
void make_read_only(const TestDatabase& database, bool is_read_only) {
    const auto name = database.execute("SELECT current_database()");
    const std::string change = is_read_only ? " SET default_transaction_read_only = on"
                                            : " RESET default_transaction_read_only";
    database.execute("SET default_transaction_read_only = off; ALTER DATABASE " + name + change);
}

// The pool closes read-only connections at most once a second.
void expect_writable_soon(OpenDatabase& open) {
    wait_until("writes are taken",
               [&] { return open.sqlstate_of(open.db().run(a_write())).empty(); });
}

}  // namespace

// The host accepts connections and stays silent, like a frozen machine.
Test(hosts, a_silent_one_costs_its_share_and_is_tried_last_then) {
    TestDatabase database{Engine::postgres};
    Proxy silent{port_of(database.url())};
    silent.stall();
    auto config = test_config(with_first(silent.port(), database.url()));
    config.db_connect_timeout_ms = 400;
    OpenDatabase open{config};
    EXPECT_TEXT(open.sqlstate_of(open.db().run(a_read())), "");
    // The pool opens more connections now.
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 20; ++i) batches.push_back(open.db().run(a_read()));
    for (const auto& state : open.wait_for_all(std::move(batches))) EXPECT_TEXT(state, "");
    cr_expect_eq(silent.connections(), 1);
}

// Otherwise an attempt at the first host would take 20 seconds.
Test(hosts, the_url_may_say_how_long_an_attempt_takes) {
    TestDatabase database{Engine::postgres};
    Proxy silent{port_of(database.url())};
    silent.stall();
    auto config = test_config(with_first(silent.port(), database.url(), "?connect_timeout=1"));
    config.db_connect_timeout_ms = 40'000;
    const auto started = Clock::now();
    OpenDatabase open{config};
    EXPECT_TEXT(open.sqlstate_of(open.db().run(a_read())), "");
    cr_expect_lt((Clock::now() - started) / 1s, 15);
}

Test(hosts, of_several_one_must_take_writes_unless_the_url_says_otherwise) {
    TestDatabase database{Engine::postgres};
    make_read_only(database, true);
    const auto port = port_of(database.url());
    const auto state_of_read = [&](const std::string& url) {
        OpenDatabase open{url};
        return open.sqlstate_of(open.db().run(a_read()));
    };
    EXPECT_TEXT(state_of_read(with_first(port, database.url())), "08001");
    EXPECT_TEXT(state_of_read(with_first(port, database.url(), "?target_session_attrs=any")), "");
    EXPECT_TEXT(state_of_read(database.url()), "");
    make_read_only(database, false);
    EXPECT_TEXT(state_of_read(with_first(port, database.url())), "");
}

Test(hosts, a_connection_that_has_become_read_only_is_left) {
    TestDatabase database{Engine::postgres};
    OpenDatabase open{database.url()};
    make_read_only(database, true);
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 20; ++i) batches.push_back(open.db().run(a_read()));
    for (const auto& state : open.wait_for_all(std::exchange(batches, {}))) EXPECT_TEXT(state, "");
    EXPECT_TEXT(open.sqlstate_of(open.db().run(a_write())), sqlstate::read_only_transaction);

    // All these connections were opened before the change. A write is refused on one of them and
    // succeeds on a new one.
    for (int i = 0; i < 20; ++i) batches.push_back(open.db().run(a_read()));
    for (const auto& state : open.wait_for_all(std::exchange(batches, {}))) EXPECT_TEXT(state, "");
    make_read_only(database, false);
    expect_writable_soon(open);
}

// Batches sent along with the write get their own results.
Test(hosts, what_is_under_way_on_a_connection_that_is_left_is_answered) {
    TestDatabase database{Engine::postgres};
    auto config = test_config(database.url());
    config.db_pool_size = 1;
    OpenDatabase open{config};
    make_read_only(database, true);
    EXPECT_TEXT(open.sqlstate_of(open.db().run(a_read())), "");
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 30; ++i)
        batches.push_back(open.db().run(i % 10 == 3 ? a_write() : a_read()));
    const auto states = open.wait_for_all(std::move(batches));
    for (std::size_t i = 0; i < states.size(); ++i)
        EXPECT_TEXT(states[i], i % 10 == 3 ? sqlstate::read_only_transaction : "");
    make_read_only(database, false);
    expect_writable_soon(open);
}

// The server may stay read-only. Writes must not cost it two new connections for each attempt.
Test(hosts, a_server_that_stays_read_only_costs_few_connections) {
    TestDatabase database{Engine::postgres};
    make_read_only(database, true);
    Proxy proxy{port_of(database.url())};
    OpenDatabase open{with_port(database.url(), proxy.port())};
    for (int i = 0; i < 100; ++i)
        EXPECT_TEXT(open.sqlstate_of(open.db().run(a_write())), sqlstate::read_only_transaction);
    cr_expect_leq(proxy.connections(), 20);
    make_read_only(database, false);
    expect_writable_soon(open);
}

// As after a crash of the server's machine: one deadline passes, and not one for each connection.
Test(hosts, silent_connections_are_given_up_together) {
    TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    auto config = test_config(with_port(database.url(), proxy.port()));
    config.db_pool_size = 4;
    config.db_deadline_ms = 500;
    OpenDatabase open{config};
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 100; ++i) batches.push_back(open.db().run(a_read()));
    for (const auto& state : open.wait_for_all(std::move(batches))) EXPECT_TEXT(state, "");
    cr_assert_eq(proxy.connections(), 4);
    // The others are idle for longer than the deadline when the first one is given up.
    proxy.fall_silent();
    EXPECT_TEXT(open.sqlstate_of(open.db().run(a_write())), sqlstate::query_canceled);
    EXPECT_TEXT(open.sqlstate_of(open.db().run(a_write())), "");
    EXPECT_TEXT(open.sqlstate_of(open.db().run(a_read())), "");
}

Test(hosts, all_but_one_connection_are_closed_when_nobody_needs_them) {
    TestDatabase database{Engine::postgres};
    OpenDatabase open{database.url()};
    const auto config = test_config(database.url());
    const auto db = open_postgres(config, open.loop(), 200ms);
    const auto run_loop = [&] {
        open.loop().restart();
        open.loop().run_for(10ms);
    };
    const auto connections = [&] {
        run_loop();
        return database.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'steelthread' AND "
            "datname = current_database()");
    };
    for (int round = 0; round < 2; ++round) {
        std::vector<Async<db::Results>> batches;
        for (int i = 0; i < 100; ++i) batches.push_back(db->run(a_read()));
        for (const auto& state : open.wait_for_all(std::move(batches))) EXPECT_TEXT(state, "");
        wait_until("one is left", [&] { return connections() == "1"; });
    }
    // The last connection stays open.
    const auto until = Clock::now() + 1s;
    while (Clock::now() < until) run_loop();
    EXPECT_TEXT(connections(), "1");
    db->close();
    run_loop();
}
