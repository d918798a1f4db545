// Connections through PgBouncer in transaction mode, in a version that does not track prepared
// statements.

#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "sql/collab_tasks.hpp"
#include "sql/health.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/ports.hpp"

namespace {

// PgBouncer with two server connections and a folder of its own. It refuses to run as root.
class Pooler {
public:
    explicit Pooler(const std::string& database_url)
        : folder_(test_variable("TEST_DIR") + "/pooler_" + std::to_string(getpid())),
          port_(static_cast<unsigned short>(free_port())) {
        mkdir(folder_.c_str(), 0755);
        const auto name = database_url.substr(database_url.rfind('/') + 1);
        std::ofstream{folder_ + "/pgbouncer.ini"}
            << "[databases]\n"
            << name << " = host=127.0.0.1 port=" << port_of(database_url) << " user=postgres\n"
            << "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_
            << "\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n"
            << "default_pool_size = 2\n";
        pid_ = fork();
        if (pid_ == 0) become_pgbouncer();
        url_ = with_port(database_url, port_);
    }

    ~Pooler() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }

    Pooler(const Pooler&) = delete;
    Pooler& operator=(const Pooler&) = delete;

    const std::string& url() const { return url_; }

private:
    [[noreturn]] void become_pgbouncer() {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (geteuid() == 0) {
            const passwd* const nobody = getpwnam("nobody");
            if (setgid(nobody->pw_gid) != 0 || setuid(nobody->pw_uid) != 0) _exit(1);
        }
        const auto settings = folder_ + "/pgbouncer.ini";
        execl("/usr/sbin/pgbouncer", "pgbouncer", "-q", settings.c_str(), nullptr);
        _exit(127);
    }

    std::string folder_;
    unsigned short port_;
    std::string url_;
    pid_t pid_;
};

constexpr Query count_prepared{
    "count_prepared", "SELECT count(*) AS number FROM pg_prepared_statements", "SELECT 1", true};

struct Number {
    std::int64_t number = 0;
    static consteval auto fields() { return std::tuple{json::field("number", &Number::number)}; }
};

db::Batch ping() {
    db::Batch batch;
    batch.add(sql::ping);
    return batch;
}

void wait_for(OpenDatabase& open) {
    wait_until("the pooler serves",
               [&] { return open.sqlstate_of(open.db().run(ping())).empty(); });
}

}  // namespace

Test(pooler, is_recognised_and_needs_no_prepared_statements) {
    const TestDatabase database{Engine::postgres};
    const Pooler pooler{database.url()};
    OpenDatabase open{pooler.url()};
    wait_for(open);
    cr_expect_eq(open.wait(open.db().one<Number>(count_prepared)).number, 0);

    OpenDatabase direct{database.url()};
    direct.wait(direct.db().run(ping()));
    cr_expect_geq(direct.wait(direct.db().one<Number>(count_prepared)).number, 1);
}

Test(pooler, serves_many_batches_over_few_server_connections) {
    const TestDatabase database{Engine::postgres};
    const Pooler pooler{database.url()};
    OpenDatabase open{pooler.url()};
    wait_for(open);
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 300; ++i) {
        db::Batch batch;
        batch.add(sql::insert_collab_task, db::named("id", Uuid::random()),
                  db::named("title", "task"), db::named("description", db::Null<std::string>{}),
                  db::named("max_tasks", db::Null<std::int64_t>{}));
        batch.add(sql::board_revision);
        batches.push_back(open.db().run(std::move(batch)));
    }
    for (const auto& failure : open.wait_for_all(std::move(batches))) EXPECT_TEXT(failure, "");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM collab_tasks"), "300");
}

Test(pooler, replaces_its_servers_without_anybody_noticing) {
    const TestDatabase database{Engine::postgres};
    const Pooler pooler{database.url()};
    OpenDatabase open{pooler.url()};
    wait_for(open);
    for (int round = 0; round < 3; ++round) {
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()");
        EXPECT_TEXT(open.sqlstate_of(open.db().run(ping())), "");
    }
}

// When its turn comes, a batch has only the rest of its own deadline.
Test(pooler, what_was_given_up_is_not_done_later) {
    const TestDatabase database{Engine::postgres};
    const Pooler pooler{database.url()};
    auto config = test_config(pooler.url());
    config.db_deadline_ms = 1000;
    config.db_pool_size = 2;
    OpenDatabase open{config};
    wait_for(open);
    database.execute("CREATE TABLE things (id bigint)");
    const PgConnection holder{PQconnectdb(database.url().c_str())};
    PQclear(PQexec(holder.get(), "BEGIN; LOCK TABLE things IN EXCLUSIVE MODE"));
    constexpr Query add{"add", "INSERT INTO things VALUES (1)", "SELECT 1", false};
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 5; ++i) {
        db::Batch batch;
        batch.add(add);
        batches.push_back(open.db().run(std::move(batch)));
    }
    for (const auto& state : open.wait_for_all(std::move(batches))) EXPECT_TEXT(state, "57014");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM pg_stat_activity WHERE "
                                 "wait_event_type = 'Lock' AND datname = current_database()"),
                "0");
    PQclear(PQexec(holder.get(), "COMMIT"));
    open.wait(open.db().run(ping()));
    EXPECT_TEXT(database.execute("SELECT count(*) FROM things"), "0");
}

Test(pooler, a_statement_that_takes_too_long_is_ended_by_the_server) {
    const TestDatabase database{Engine::postgres};
    const Pooler pooler{database.url()};
    auto config = test_config(pooler.url());
    config.db_deadline_ms = 1000;
    OpenDatabase open{config};
    wait_for(open);
    constexpr Query sleep_long{"sleep_long", "SELECT pg_sleep(60)::text AS text", "SELECT 1", true};
    db::Batch batch;
    batch.add(sleep_long);
    EXPECT_TEXT(open.sqlstate_of(open.db().run(std::move(batch))), "57014");
    wait_until("the server has ended it", [&] {
        return database.execute(
                   "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND "
                   "query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()") == "0";
    });
}
