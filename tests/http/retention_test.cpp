// The running service deletes what is older than EVENTS_KEEP and JOBS_KEEP, and expired keys.
#include "tests/support/stack/event_stream.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

struct Fixture {
    explicit Fixture(Engine its_engine) : engine(its_engine), database(its_engine) {}

    std::string hours_ago(int hours) const {
        const auto age = std::to_string(hours);
        return engine == Engine::sqlite ? "(unixepoch() - " + age + " * 3600) * 1000000"
                                        : "now() - interval '" + age + " hours'";
    }

    // An old and a new row of each kind.
    void fill() const {
        database.add_user("ann");
        for (const int hours : {1, 30}) {
            const auto then = hours_ago(hours);
            database.execute("INSERT INTO request_keys VALUES ('ann', 'of " +
                             std::to_string(hours) + "', 'd', 's', 'a', " + then + ")");
            database.execute(
                "INSERT INTO jobs (id, title, payload, max_attempts, run_at, status, created_at, "
                "updated_at) VALUES ('00000000-0000-4000-8000-0000000000" +
                std::to_string(hours + 10) + "', 'of " + std::to_string(hours) + "', 'null', 3, " +
                then + ", 'cancelled', " + then + ", " + then + ")");
            database.execute(
                "INSERT INTO events (type, audience, subject, data, created_at) VALUES "
                "('note.test', 'public', 'of " +
                std::to_string(hours) + "', '{}', " + then + ")");
        }
    }

    std::string left(const std::string& what) const { return database.execute("SELECT " + what); }

    const Engine engine;
    TestDatabase database;
};

constexpr const char* notes = "count(*) FROM events WHERE type = 'note.test'";

}  // namespace

ON_BOTH(retention, deletes_what_is_too_old, Fixture, fixture) {
    fixture.fill();
    const auto cursor = fixture.left("min(id) FROM events WHERE type = 'note.test'");
    const Stack stack{fixture.database.url(), {{"EVENTS_KEEP", "24h"}, {"JOBS_KEEP", "1d"}}};
    wait_until("the old event is gone", [&] { return fixture.left(notes) == "1"; });
    EXPECT_TEXT(fixture.left("subject FROM events WHERE type = 'note.test'"), "of 1");
    wait_until("the old key is gone, which is the last",
               [&] { return fixture.left("count(*) FROM request_keys") == "1"; });
    EXPECT_TEXT(fixture.left("key FROM request_keys"), "of 1");
    EXPECT_TEXT(fixture.left("title FROM jobs"), "of 1");
    EventStream reader{stack.port(), "/events/tail?after=" + cursor};
    cr_expect(reader.opening().find("\nevent: reset\ndata: {") != std::string::npos, "%s",
              reader.opening().c_str());
    wait_until("the log names the counts", [&] {
        return stack.log().find(R"("message":"pruned","events":1,"jobs":1,"expired_keys":1)") !=
               std::string::npos;
    });
}

ON_BOTH(retention, keeps_everything_but_expired_keys_by_default, Fixture, fixture) {
    fixture.fill();
    const Stack stack{fixture.database.url()};
    wait_until("the old key is gone",
               [&] { return fixture.left("count(*) FROM request_keys") == "1"; });
    EXPECT_TEXT(fixture.left(notes), "2");
    EXPECT_TEXT(fixture.left("count(*) FROM jobs"), "2");
}

// A lock holds the process up; the service still stops cleanly.
Test(retention, a_stop_does_not_wait_for_it) {
    const Fixture fixture{Engine::postgres};
    fixture.fill();
    fixture.database.execute("BEGIN; LOCK TABLE request_keys IN ACCESS EXCLUSIVE MODE");
    Stack stack{fixture.database.url()};
    wait_until("it has started",
               [&] { return stack.log().find(R"("name":"prune")") != std::string::npos; });
    cr_expect_eq(stack.stop(), 0);
    fixture.database.execute("ROLLBACK");
    stack.start();
}

Test(retention, a_failure_is_logged_and_ends_nothing) {
    const Fixture fixture{Engine::sqlite};
    fixture.database.execute("ALTER TABLE request_keys RENAME TO away");
    {
        const Stack stack{fixture.database.url()};
        wait_until("the failure is logged", [&] {
            return stack.log().find(R"("message":"could not prune")") != std::string::npos;
        });
        fixture.database.execute("ALTER TABLE away RENAME TO request_keys");
        cr_expect_eq(stack.send({.path = "/healthz"}).status, 200);
    }
}
