// The service and its clients during failures of the components below it.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "tests/support/proxy.hpp"
#include "tests/support/stack/cluster.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// What a client thread has seen.
struct Seen {
    std::map<long, int> writes;  // the number of each status; 0 stands for no response
    std::map<long, int> reads;
    std::set<std::string> acknowledged;  // paths of tasks
    std::string oddity;                  // a response that must never be sent
};

// Clients that create and read tasks, each on one kept-alive connection, until they are stopped or
// nothing listens any more.
class Load {
public:
    explicit Load(const Stack& stack, bool reads = true, int clients = 8)
        : port_(stack.port()),
          authorization_(stack.authorization()),
          reads_(reads),
          seen_(static_cast<std::size_t>(clients)) {
        for (auto& seen : seen_) threads_.emplace_back([this, &seen] { run(seen); });
        progress("the load is under way", 5 * clients);
    }
    ~Load() { finish(); }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    // Waits until this many more writes have been acknowledged.
    void progress(const char* what, int writes, double seconds = 20) const {
        const int before = acknowledged_;
        wait_until(
            what, [&] { return acknowledged_ >= before + writes; }, seconds);
    }

    // Stops the clients and returns what all of them have seen.
    Seen finish() {
        is_over_ = true;
        for (auto& thread : threads_) thread.join();
        threads_.clear();
        Seen all;
        for (const auto& seen : seen_) {
            for (const auto& [status, count] : seen.writes) all.writes[status] += count;
            for (const auto& [status, count] : seen.reads) all.reads[status] += count;
            all.acknowledged.insert(seen.acknowledged.begin(), seen.acknowledged.end());
            if (all.oddity.empty()) all.oddity = seen.oddity;
        }
        return all;
    }

private:
    void run(Seen& seen) {
        Client client{port_};
        const Call create{.method = "POST",
                          .path = "/collab/tasks",
                          .body = R"({"title":"under load"})",
                          .headers = {authorization_}};
        std::string newest = "/collab/state/tasks";
        while (!is_over_) {
            const auto written = client.send(create);
            judge(written, seen);
            ++seen.writes[written.status];
            if (written.status == 0) return;
            if (written.status == 200) {
                newest = written.header("location");
                seen.acknowledged.insert(newest);
                ++acknowledged_;
            }
            if (!reads_) continue;
            const auto read = client.send({.path = newest});
            judge(read, seen);
            ++seen.reads[read.status];
            if (read.status == 0) return;
        }
    }

    // A response must be complete or missing, and a 503 must say when to retry.
    static void judge(const Reply& reply, Seen& seen) {
        const bool is_whole = reply.failure.empty() || reply.status == 0;
        const bool is_known = reply.status == 0 || reply.status == 200 || reply.status == 503;
        const bool says_when = reply.status != 503 || !reply.header("retry-after").empty();
        if (is_whole && is_known && says_when) return;
        seen.oddity = std::to_string(reply.status) + " " + reply.failure + " " + reply.body;
    }

    int port_;
    std::string authorization_;
    bool reads_;
    std::atomic<bool> is_over_ = false;
    std::atomic<int> acknowledged_ = 0;
    std::vector<Seen> seen_;
    std::vector<std::thread> threads_;
};

std::size_t count(const std::string& text, const std::string& word) {
    std::size_t found = 0;
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at + word.size()))
        ++found;
    return found;
}

// Expects every acknowledged task on the board and returns the number of tasks there.
std::size_t expect_kept(const Stack& stack, const Seen& seen) {
    const auto board = stack.send({.path = "/collab/state/tasks"});
    cr_assert_eq(board.status, 200);
    for (const auto& path : seen.acknowledged)
        cr_expect(board.body.find(path.substr(path.rfind('/') + 1)) != std::string::npos,
                  "%s was acknowledged and is lost", path.c_str());
    cr_expect(seen.oddity.empty(), "%s", seen.oddity.c_str());
    return count(board.body, R"("id":)");
}

int times(const std::map<long, int>& statuses, long status) {
    const auto found = statuses.find(status);
    return found == statuses.end() ? 0 : found->second;
}

bool is_alive(pid_t pid) {
    const auto stat = read_text("/proc/" + std::to_string(pid) + "/stat");
    return !stat.empty() && stat.find(") Z") == stat.npos;
}

double seconds_since(Clock::time_point start) { return Seconds{Clock::now() - start}.count(); }

// The deadline, the time to connect, and a margin for a busy machine.
constexpr double longest_wait = 0.25 + 0.25 + 0.5;

Variables short_deadlines() {
    return {{"DB_DEADLINE_MS", "250"}, {"DB_CONNECT_TIMEOUT_MS", "250"}, {"PRESTART", "on"}};
}

// Everything that needs the database must answer 503 within `longest` seconds. Everything else must
// continue to work.
void expect_degraded(const Stack& stack, const std::string& task, const std::string& authorization,
                     double longest) {
    const Call calls[] = {{.path = "/healthz"},
                          {.path = "/collab/state/tasks"},
                          {.path = task},
                          {.method = "POST",
                           .path = "/collab/tasks",
                           .body = R"({"title":"x"})",
                           .headers = {authorization}},
                          {.method = "PATCH",
                           .path = task,
                           .body = R"({"title":"x"})",
                           .headers = {authorization, "If-Match: *"}},
                          {.method = "POST",
                           .path = "/auth/login",
                           .body = R"({"email":"a@example.org","password":"xxxxxxxx"})"}};
    // In the second round the connections have been given up by the first.
    for (int round = 0; round < 2; ++round) {
        Reply replies[std::size(calls)];
        double took[std::size(calls)];
        std::vector<std::thread> clients;
        for (std::size_t i = 0; i < std::size(calls); ++i)
            clients.emplace_back([&, i] {
                const auto start = Clock::now();
                replies[i] = stack.send(calls[i]);
                took[i] = seconds_since(start);
            });
        const auto health = stack.send({.path = "/health"});
        cr_expect_eq(stack.send({.path = "/livez"}).status, 200);
        cr_expect_eq(stack.send({.path = "/"}).status, 200);
        for (auto& client : clients) client.join();
        cr_expect_eq(health.status, 200);
        EXPECT_TEXT(json_member(health.body, "status"), "degraded");
        EXPECT_TEXT(json_member(health.body, "database"), "disconnected");
        for (std::size_t i = 0; i < std::size(calls); ++i) {
            expect_error(replies[i], Error::service_unavailable);
            cr_expect(!replies[i].header("retry-after").empty());
            cr_expect(took[i] < longest, "%s %s took %.2f s", calls[i].method.c_str(),
                      calls[i].path.c_str(), took[i]);
        }
    }
}

}  // namespace

// There are few of them, because the server announces its shutdown: later requests wait for the new
// server.
Test(faults, a_restart_of_postgres_costs_only_503s) {
    const Cluster cluster;
    const Stack stack{cluster.url()};
    Load load{stack};
    cluster.restart();
    load.progress("service is back after Postgres is", 16, 2);
    const auto seen = load.finish();
    cr_expect_eq(times(seen.writes, 0) + times(seen.reads, 0), 0, "connections were lost");
    expect_kept(stack, seen);
}

Test(faults, a_stopped_postgres_costs_nobody_more_than_the_deadline) {
    const Cluster cluster;
    const Stack stack{cluster.url(), short_deadlines()};
    const auto task = stack.create_task("kept");
    const auto authorization = stack.authorization();
    cluster.signal(SIGSTOP);
    expect_degraded(stack, task, authorization, longest_wait);
    cluster.signal(SIGCONT);
    wait_until(
        "service is back", [&] { return stack.send({.path = task}).status == 200; }, 2);
    cr_expect_eq(stack.send({.path = "/collab/state/tasks"}).status, 200);
}

Test(faults, a_silent_network_costs_nobody_more_than_the_deadline) {
    const TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    const Stack stack{with_port(database.url(), proxy.port()), short_deadlines()};
    const auto task = stack.create_task("kept");
    const auto authorization = stack.authorization();
    proxy.stall();
    expect_degraded(stack, task, authorization, longest_wait);
}

Test(faults, a_refusing_database_is_503_at_once) {
    const TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    const Stack stack{with_port(database.url(), proxy.port()), {{"PRESTART", "on"}}};
    const auto task = stack.create_task("kept");
    const auto authorization = stack.authorization();
    proxy.close();
    expect_degraded(stack, task, authorization, 0.4);
}

Test(faults, cut_connections_cost_a_reader_nothing) {
    const TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    const Stack stack{with_port(database.url(), proxy.port())};
    const auto task = stack.create_task("kept");
    for (int i = 0; i < 3; ++i) {
        cr_assert_eq(stack.send({.path = task}).status, 200);
        proxy.cut();
        cr_expect_eq(stack.send({.path = task}).status, 200);
        cr_expect_eq(stack.send({.path = "/collab/state/tasks"}).status, 200);
    }
}

static void kill_a_handler(Engine engine) {
    const Stack stack{engine};
    Load load{stack};
    const auto before = stack.processes("collab_tasks");
    cr_assert_eq(before.size(), 1);
    kill(before[0], SIGKILL);
    load.progress("service is back", 16, 1);
    const auto after = stack.processes("collab_tasks");
    cr_assert_eq(after.size(), 1);
    cr_expect_neq(after[0], before[0]);
    const auto seen = load.finish();
    // Only requests in progress in that process may fail.
    cr_expect_leq(times(seen.writes, 503) + times(seen.writes, 0), 8);
    cr_expect_eq(seen.reads.size(), 1, "the reads of another process have suffered");
    expect_kept(stack, seen);
}

Test(faults, a_killed_handler_is_back_on_sqlite) { kill_a_handler(Engine::sqlite); }
Test(faults, a_killed_handler_is_back_on_postgres) { kill_a_handler(Engine::postgres); }

Test(faults, a_killed_reader_costs_its_clients_nothing) {
    const Stack stack{Engine::sqlite};
    Load load{stack};
    for (int i = 0; i < 3; ++i) {
        kill(stack.processes("collab_task").at(0), SIGKILL);
        load.progress("service is back", 32);
    }
    // nginx retries reads, because reading twice is harmless.
    const auto seen = load.finish();
    cr_expect_eq(times(seen.reads, 503) + times(seen.reads, 0), 0);
    expect_kept(stack, seen);
}

// If a DELETE were done once and sent twice, the client would get the answer to the second attempt.
Test(faults, what_a_killed_handler_was_asked_to_change_is_not_asked_again) {
    const TestDatabase database{Engine::postgres};
    const Proxy proxy{port_of(database.url()), std::chrono::milliseconds{40}};
    const Stack stack{with_port(database.url(), proxy.port())};
    const auto authorization = stack.authorization();
    for (const char* method : {"DELETE", "PATCH"}) {
        std::string etag;
        const auto task = stack.create_task("changed once", &etag);
        // These requests use the connection that nginx keeps open.
        for (int i = 0; i < 2; ++i) cr_assert_eq(stack.send({.path = task}).status, 200);
        const int before = proxy.round_trips();
        Reply reply;
        std::thread client{[&] {
            const std::string body = method[0] == 'P' ? R"({"title":"changed"})" : "";
            reply = stack.send({.method = method,
                                .path = task,
                                .body = body,
                                .headers = {authorization, "If-Match: " + etag}});
        }};
        wait_until("it is at the database", [&] { return proxy.round_trips() > before; });
        kill(stack.processes("collab_task").at(0), SIGKILL);
        client.join();
        expect_error(reply, Error::service_unavailable);
    }
}

Test(faults, restarts_lose_no_delete) {
    const Stack stack{Engine::sqlite};
    const auto authorization = stack.authorization();
    cr_assert_eq(stack.send({.path = stack.create_task("x")}).status, 200);  // started
    std::atomic<bool> is_over = false;
    std::thread restarts{[&] {
        for (int i = 0; i < 3; ++i)
            cr_expect_eq(stack.command({"restart", "collab_task"}).status, 0);
        is_over = true;
    }};
    Client client{stack.port()};
    int deleted = 0;
    while (!is_over) {
        const auto created = client.send({.method = "POST",
                                          .path = "/collab/tasks",
                                          .body = R"({"title":"short-lived"})",
                                          .headers = {authorization}});
        const auto reply = client.send({.method = "DELETE",
                                        .path = created.header("location"),
                                        .headers = {authorization, "If-Match: *"}});
        cr_expect_eq(reply.status, 204, "%ld %s", reply.status, reply.failure.c_str());
        ++deleted;
    }
    restarts.join();
    cr_expect_gt(deleted, 10);
}

static void stop_under_load(Engine engine) {
    Stack stack{engine};
    Load load{stack};
    cr_expect_eq(stack.stop(), 0);
    const auto seen = load.finish();
    cr_expect_eq(times(seen.writes, 503) + times(seen.reads, 503), 0, "%d writes, %d reads",
                 times(seen.writes, 503), times(seen.reads, 503));
    stack.start();
    cr_expect_eq(expect_kept(stack, seen), seen.acknowledged.size(),
                 "something was written that nobody was told of");
}

Test(faults, a_stop_under_load_loses_nothing_on_sqlite) { stop_under_load(Engine::sqlite); }
Test(faults, a_stop_under_load_loses_nothing_on_postgres) { stop_under_load(Engine::postgres); }

Test(faults, a_stop_waits_for_what_is_under_way) {
    const TestDatabase database{Engine::postgres};
    const Proxy proxy{port_of(database.url()), std::chrono::milliseconds{40}};
    Stack stack{with_port(database.url(), proxy.port())};
    const Call create{.method = "POST",
                      .path = "/collab/tasks",
                      .body = R"({"title":"under way"})",
                      .headers = {stack.authorization()}};
    cr_assert_eq(stack.send(create).status, 200);
    const int before = proxy.round_trips();
    Reply reply;
    std::thread client{[&] { reply = stack.send(create); }};
    wait_until("the request is at the database", [&] { return proxy.round_trips() > before; });
    const int status = stack.stop();
    client.join();
    cr_expect_eq(status, 0);
    cr_expect_eq(reply.status, 200, "%s%s", reply.body.c_str(), reply.failure.c_str());
    EXPECT_TEXT(database.execute("SELECT count(*) FROM collab_tasks"), "2");
}

static void restart_under_load(Engine engine) {
    const Stack stack{engine};
    Load load{stack, false};
    for (int i = 0; i < 5; ++i) {
        const auto before = stack.processes("collab_tasks");
        const auto finished = stack.command({"restart", "collab_tasks"});
        cr_expect_eq(finished.status, 0, "%s", finished.errors.c_str());
        wait_until("the old process has gone", [&] {
            const auto now = stack.processes("collab_tasks");
            return now.size() == 1 && now != before;
        });
        load.progress("the successor serves", 8);
    }
    const auto seen = load.finish();
    cr_expect_eq(seen.writes.size(), 1, "%d without an answer, %d times 503", times(seen.writes, 0),
                 times(seen.writes, 503));
    cr_expect_eq(expect_kept(stack, seen), seen.acknowledged.size());
}

Test(faults, restarts_under_load_lose_nothing_on_sqlite) { restart_under_load(Engine::sqlite); }
Test(faults, restarts_under_load_lose_nothing_on_postgres) { restart_under_load(Engine::postgres); }

Test(faults, a_restart_under_load_replaces_every_process_of_an_endpoint) {
    const Stack stack{Engine::sqlite};
    const Call login{.method = "POST",
                     .path = "/auth/login",
                     .body = std::string{R"({"email":")"} + Stack::email + R"(","password":")" +
                             Stack::password + R"("})"};
    std::atomic<bool> is_over = false;
    std::atomic<int> served = 0;
    std::atomic<int> lost = 0;
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i)
        clients.emplace_back([&] {
            Client client{stack.port()};
            while (!is_over) ++(client.send(login).status == 200 ? served : lost);
        });
    wait_until("both processes serve",
               [&] { return served >= 16 && stack.processes("auth_login").size() == 2; });
    for (int i = 0; i < 3; ++i) {
        const auto before = stack.processes("auth_login");
        cr_expect_eq(before.size(), 2);
        const auto finished = stack.command({"restart", "auth_login"});
        cr_expect_eq(finished.status, 0, "%s", finished.errors.c_str());
        wait_until("both processes are others", [&] {
            const auto now = stack.processes("auth_login");
            return now.size() == 2 && std::find_first_of(now.begin(), now.end(), before.begin(),
                                                         before.end()) == now.end();
        });
        wait_until("the successors serve", [&, enough = served + 16] { return served >= enough; });
    }
    is_over = true;
    for (auto& client : clients) client.join();
    cr_expect_eq(lost, 0, "%d of %d were lost", lost.load(), served + lost);
}

Test(faults, an_endpoint_has_as_many_processes_as_it_is_told) {
    const Stack stack{Engine::sqlite, {{"WORKERS_COLLAB_TASK", "3"}}};
    cr_assert_eq(stack.send({.path = stack.create_task("x")}).status, 200);
    const auto are_three = [&] { return stack.processes("collab_task").size() == 3; };
    wait_until("three processes run", are_three);
    const auto killed = stack.processes("collab_task").at(0);
    kill(killed, SIGKILL);
    wait_until("three processes run again", [&] { return !is_alive(killed) && are_three(); });
    cr_expect_eq(stack.processes("collab_tasks").size(), 1);
    cr_expect_eq(stack.command({"restart", "collab_task"}).status, 0);
    wait_until("three processes have followed", are_three);
}

// Executables that never become ready are reported to the restart command and affect nobody else.
Test(faults, a_restart_waits_until_the_successor_is_ready, .timeout = 100) {
    const auto next = test_variable("TEST_DIR") + "/next_" + std::to_string(getpid());
    replace_handler("root",
                    "[ ! -e " + next + " ] || . " + next + "\nexec " + built("handlers/root"));
    const Stack stack{Engine::sqlite};
    cr_assert_eq(stack.send({.path = "/"}).status, 200);  // started
    const auto before = stack.processes("root");
    const std::pair<const char*, const char*> cases[] = {
        {"exit 3", "ended before it was ready"},
        {"sleep 0.5; exit 3", "ended before it was ready"},
        {"sleep 1000", "was not ready within 10 seconds"}};
    for (const auto& [script, reason] : cases) {
        std::ofstream{next} << script << "\n";
        std::atomic<bool> is_over = false;
        std::map<long, int> statuses;
        std::thread client{[&] {
            while (!is_over) ++statuses[stack.send({.path = "/"}).status];
        }};
        const auto finished = stack.command({"restart", "root"});
        is_over = true;
        client.join();
        cr_expect_eq(finished.status, 1, "%s", script);
        cr_expect_neq(finished.errors.find(reason), std::string::npos, "%s",
                      finished.errors.c_str());
        cr_expect_eq(statuses.size(), 1, "%s: %d of %zu", script, times(statuses, 200),
                     statuses.size());
        cr_expect(stack.processes("root") == before, "%s: the old one has gone", script);
    }
    fs::remove(next);
    cr_expect_eq(stack.command({"restart", "root"}).status, 0);
    cr_expect(stack.processes("root") != before);
    cr_expect_eq(stack.send({.path = "/"}).status, 200);
}

// The successor has become ready, so the old process is gone.
Test(faults, a_successor_that_dies_later_is_a_crash_loop_until_it_is_repaired) {
    const auto next = test_variable("TEST_DIR") + "/next_" + std::to_string(getpid());
    const auto root = built("handlers/root");
    replace_handler("root", "[ ! -e " + next + " ] || . " + next + "\nexec " + root);
    const Stack stack{Engine::sqlite};
    cr_assert_eq(stack.send({.path = "/"}).status, 200);  // started
    std::ofstream{next} << "(sleep 0.5; kill -9 $$) >/dev/null 2>&1 &\n";
    cr_expect_eq(stack.command({"restart", "root"}).status, 0);
    wait_until("it is in a crash loop", [&] {
        return count(stack.log(), R"("name":"root","exit_status":-1,"signal":9)") >= 3;
    });
    fs::remove(next);
    wait_until("it serves again", [&] { return stack.send({.path = "/"}).status == 200; });
}

Test(faults, only_known_endpoints_are_restarted) {
    Stack stack{Engine::sqlite};
    for (const char* name : {"nginx", "nothing", "../healthz", "."}) {
        const auto finished = stack.command({"restart", name});
        cr_expect_eq(finished.status, 1);
        EXPECT_TEXT(finished.errors, std::string{"steelthread: no endpoint has the name "} + name +
                                         ": docs/endpoints.md lists the names\n");
    }
    stack.stop();
    const auto finished = stack.command({"restart", "healthz"});
    cr_expect_eq(finished.status, 1);
    EXPECT_TEXT(finished.errors, "steelthread: no service is running in " + stack.run_dir() +
                                     ": set RUN_DIR to the folder of the service\n");
}

Test(faults, what_is_no_request_does_not_disturb_a_restart) {
    const Stack stack{Engine::sqlite};
    cr_assert_eq(stack.send({.path = "/"}).status, 200);  // started
    const auto folder = stack.run_dir() + "/restart";
    fs::create_directories(folder + "/a_folder/in/a_folder");
    cr_expect_eq(stack.command({"restart", "root"}).status, 0);
    fs::remove_all(folder);
    kill(stack.supervisor(), SIGUSR1);
    fs::create_directories(folder + "/root.failed/in/a_folder");
    cr_expect_neq(stack.command({"restart", "root"}).status, 0);
    fs::remove_all(folder + "/root.failed");
    cr_expect_eq(stack.command({"restart", "root"}).status, 0);
}

Test(faults, a_reload_of_nginx_loses_nothing) {
    const Stack stack{Engine::sqlite};
    Load load{stack};
    for (int i = 0; i < 3; ++i) {
        const auto before = stack.descendants();
        kill(stack.supervisor(), SIGHUP);
        wait_until("nginx has another worker", [&] {
            const auto now = stack.descendants();
            return !now.empty() && now.back() != before.back();
        });
        load.progress("the service goes on", 16);
    }
    const auto seen = load.finish();
    cr_expect_eq(seen.writes.size() + seen.reads.size(), 2, "%d writes and %d reads were lost",
                 times(seen.writes, 0), times(seen.reads, 0));
    expect_kept(stack, seen);
}

// Ctrl-Z would stop the supervisor, which passes on the log of all processes.
Test(faults, a_terminal_does_not_suspend_the_service) {
    const Stack stack{Engine::sqlite};
    const auto before = stack.descendants();
    kill(stack.supervisor(), SIGTSTP);
    kill(stack.supervisor(), SIGHUP);
    wait_until("the supervisor has reloaded nginx", [&] {
        const auto now = stack.descendants();
        return !now.empty() && now.back() != before.back();
    });
}

Test(faults, a_reload_during_a_stop_is_nothing) {
    Stack stack{Engine::sqlite};
    const auto stopped = stack.processes("healthz").at(0);
    kill(stopped, SIGSTOP);  // delays the stop
    kill(stack.supervisor(), SIGTERM);
    wait_until("nginx has ended", [&] { return stack.processes("nginx").empty(); });
    signal(SIGHUP, SIG_IGN);  // otherwise a supervisor that signals its group would end this test
    kill(stack.supervisor(), SIGHUP);
    kill(stack.supervisor(), SIGUSR1);
    kill(stopped, SIGCONT);
    cr_expect_eq(stack.wait_for_end(), 0, "%s", stack.log().c_str());
}

Test(faults, a_stop_that_had_to_kill_says_so) {
    Stack stack{Engine::sqlite};
    kill(stack.processes("healthz").at(0), SIGSTOP);
    cr_expect_eq(stack.stop(), 1);
    const auto log = stack.log();
    cr_expect_neq(log.find("killed the processes that did not stop in time"), log.npos, "%s",
                  log.c_str());
}

namespace {

// A pipe for the log. Its write end is blocking, as a shell creates it.
struct LogPipe {
    LogPipe() { cr_assert_eq(pipe2(ends, O_CLOEXEC), 0); }
    ~LogPipe() {
        close(ends[0]);
        close(ends[1]);
    }
    LogPipe(const LogPipe&) = delete;
    LogPipe& operator=(const LogPipe&) = delete;

    // Fills the pipe. Nobody can write until the reader takes something.
    void fill() const {
        const auto path = "/proc/self/fd/" + std::to_string(ends[1]);
        const int fd = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        while (write(fd, "\n", 1) == 1) continue;
        close(fd);
    }

    std::string read_some() const {
        std::string text(65'536, '\0');
        const auto size = read(ends[0], text.data(), text.size());
        return text.substr(0, size < 0 ? 0 : static_cast<std::size_t>(size));
    }

    int ends[2]{};
};

}  // namespace

// Kills a handler, which the supervisor logs, and sends so many requests that nginx and the
// supervisor cannot buffer all log lines.
static void log_a_lot(const Stack& stack) {
    cr_assert_eq(stack.send({.path = "/"}).status, 200);  // started
    const auto before = stack.processes("root");
    kill(before.at(0), SIGKILL);
    Client client{stack.port()};
    for (int i = 0; i < 600; ++i) {
        const auto reply = client.send({.path = "/livez/" + std::string(200, 'x')});
        cr_assert_eq(reply.status, 404, "request %d: %s", i, reply.failure.c_str());
    }
    wait_until("the handler is back", [&] {
        const auto now = stack.processes("root");
        return now.size() == 1 && now != before;
    });
}

Test(faults, a_log_that_nobody_takes_holds_nothing_up) {
    const LogPipe log;
    Stack stack{Engine::sqlite, {}, log.ends[1]};
    log.fill();
    log_a_lot(stack);
    std::string text;
    while (text.find("dropped lines of the log") == text.npos) text += log.read_some();
    cr_expect_neq(text.find(R"("message":"process ended","name":"root")"), text.npos);
    log.fill();
    log_a_lot(stack);
    const auto start = Clock::now();
    cr_expect_eq(stack.stop(), 0);
    cr_expect_lt(seconds_since(start), 3);
}

Test(faults, a_log_whose_reader_has_gone_holds_nothing_up) {
    LogPipe log;
    Stack stack{Engine::sqlite, {}, log.ends[1]};
    close(std::exchange(log.ends[0], -1));
    close(std::exchange(log.ends[1], -1));
    log_a_lot(stack);
    const auto start = Clock::now();
    cr_expect_eq(stack.stop(), 0);
    cr_expect_lt(seconds_since(start), 3);
}

Test(faults, a_crash_loop_does_not_spin) {
    replace_handler("root", "exit 3");
    const auto deaths = [](const Stack& stack) {
        return count(stack.log(), R"("name":"root","exit_status":3)");
    };
    const Stack stack{Engine::sqlite};
    const auto start = Clock::now();
    const int waiting = connect_to_socket(stack.run_dir() + "/sockets/root.sock");
    cr_assert_geq(waiting, 0);
    wait_until("it has died five times", [&] { return deaths(stack) >= 5; });
    // There are pauses of 50, 100, 200 and 400 ms between the deaths.
    cr_expect_gt(seconds_since(start), 0.75);
    wait_until("it has died six times", [&] { return deaths(stack) >= 6; });
    cr_expect_gt(seconds_since(start), 1.55);
    cr_expect_eq(stack.send({.path = "/healthz"}).status, 200);
    close(waiting);
}

// Otherwise each request would take nginx's whole timeout and count against its client's limit
// meanwhile.
Test(faults, an_endpoint_in_a_crash_loop_is_503_at_once_until_it_is_repaired) {
    const auto repaired = test_variable("TEST_DIR") + "/repaired_" + std::to_string(getpid());
    replace_handler("root", "[ -e " + repaired + " ] || exit 3\nexec " + built("handlers/root"));
    const Stack stack{Engine::sqlite};
    const auto start = Clock::now();
    for (int i = 0; i < 20; ++i)
        expect_error(stack.send({.path = "/"}), Error::service_unavailable);
    // The endpoint is in a crash loop after five deaths, with pauses of 50, 100, 200 and 400 ms
    // between them.
    cr_expect_lt(seconds_since(start), 4);
    cr_expect_eq(stack.send({.path = "/healthz"}).status, 200);
    std::ofstream{repaired}.close();
    wait_until("it serves", [&] { return stack.send({.path = "/"}).status == 200; });
}

Test(faults, a_handler_that_is_killed_again_and_again_comes_back) {
    const Stack stack{Engine::sqlite};
    cr_assert_eq(stack.send({.path = "/"}).status, 200);  // started
    const auto start = Clock::now();
    pid_t last = 0;
    for (int i = 0; i < 5; ++i) {
        wait_until("another process", [&] {
            const auto now = stack.processes("root");
            return now.size() == 1 && now[0] != last;
        });
        last = stack.processes("root").at(0);
        kill(last, SIGKILL);
    }
    wait_until("it serves", [&] { return stack.send({.path = "/"}).status == 200; });
    cr_expect_gt(seconds_since(start), 0.75);
}

Test(faults, nothing_outlives_a_killed_supervisor) {
    Stack stack{Engine::postgres, {{"PRESTART", "on"}}};
    const auto task = stack.create_task("kept");
    const auto started = stack.descendants();
    cr_assert_gt(started.size(), 9);
    kill(stack.supervisor(), SIGKILL);
    cr_expect_eq(stack.wait_for_end(), 128 + SIGKILL);
    for (const pid_t pid : started)
        wait_until("a process of the supervisor has ended", [&] { return !is_alive(pid); });
    stack.start();
    cr_expect_eq(stack.send({.path = task}).status, 200);
}

// nginx ends a moment after its supervisor and keeps the port until then.
Test(faults, a_start_waits_for_the_nginx_of_a_killed_supervisor) {
    Stack stack{Engine::sqlite};
    stack.stop();
    const Background orphan{
        {"/bin/sh", "-c", "cd " + stack.run_dir() + " && exec nginx -e stderr -p ./ -c nginx.conf"},
        base_variables(),
        stack.run_dir() + ".orphan"};
    wait_until("nginx answers", [&] { return stack.send({.path = "/livez"}).status == 200; });
    std::thread ends_it{[&] {
        wait_until("the new one waits",
                   [&] { return count(stack.log(), "waiting for the nginx") > 0; });
        pid_t nginx = 0;
        std::ifstream{stack.run_dir() + "/nginx.pid"} >> nginx;
        if (nginx > 0) kill(nginx, SIGTERM);
    }};
    stack.start();
    ends_it.join();
    cr_expect_eq(stack.send({.path = "/"}).status, 200);
}

Test(faults, nothing_outlives_nginx) {
    Stack stack{Engine::sqlite, {{"PRESTART", "on"}}};
    const auto started = stack.descendants();
    kill(stack.processes("nginx").at(0), SIGKILL);
    cr_expect_eq(stack.wait_for_end(), 1);
    for (const pid_t pid : started)
        wait_until("a process of the supervisor has ended", [&] { return !is_alive(pid); });
    stack.start();
}

Test(faults, a_run_dir_has_one_supervisor) {
    const Stack stack{Engine::sqlite};
    auto variables = stack.variables();
    variables["PORT"] = std::to_string(free_port());
    const auto second = run_command({built("steelthread"), "run"}, variables);
    cr_expect_eq(second.status, 1);
    EXPECT_TEXT(second.errors,
                "steelthread: another service is running in " + stack.run_dir() + "\n");
    cr_expect_eq(stack.send({.path = "/healthz"}).status, 200);
    cr_expect_eq(stack.command({"restart", "healthz"}).status, 0, "its pid file was damaged");
}

Test(faults, a_taken_port_is_named) {
    const Stack stack{Engine::sqlite};
    auto variables = stack.variables();
    variables["RUN_DIR"] += "_second";
    const auto second = run_command({built("steelthread"), "run"}, variables);
    cr_expect_eq(second.status, 1);
    EXPECT_TEXT(second.errors, "steelthread: cannot listen on 127.0.0.1:" +
                                   std::to_string(stack.port()) + ": Address already in use\n");
    cr_expect_eq(stack.send({.path = "/healthz"}).status, 200);
}

Test(faults, a_long_run_dir_works) {
    auto folder = test_variable("TEST_DIR") + "/" + std::to_string(getpid()) + "_";
    folder.append(150 - std::min<std::size_t>(150, folder.size()), 'x');
    Stack stack{Engine::sqlite, {{"RUN_DIR", folder}}};
    stack.create_task("kept");
    cr_expect_eq(stack.command({"restart", "collab_tasks"}).status, 0);
    stack.create_task("kept");
}
