// An endpoint's processes start with its first connection, or with the service if PRESTART is on.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <thread>

#include "tests/support/stack/event_stream.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

namespace fs = std::filesystem;

// nginx, its worker, and /healthz, which the start of a Stack requests.
constexpr std::size_t at_rest = 3;

// Replaces a handler with one whose start takes as long as the test wants.
class SlowStart {
public:
    explicit SlowStart(const std::string& name)
        : path_(test_variable("TEST_DIR") + "/slow_start_" + std::to_string(getpid())) {
        replace_handler(name, "echo $$ > " + path_ + ".pid\n: > " + path_ +
                                  ".begun\nwhile [ ! -e " + path_ +
                                  ".end ]; do sleep 0.01; done\nexec " + built("handlers/" + name));
    }

    bool has_begun() const { return fs::exists(path_ + ".begun"); }
    pid_t pid() const {
        pid_t pid = 0;
        std::ifstream{path_ + ".pid"} >> pid;
        return pid;
    }
    void end() const { std::ofstream{path_ + ".end"}; }

private:
    std::string path_;
};

// Sends SIGTERM. nginx finishes the requests that it has accepted.
void begin_to_stop(const Stack& stack) {
    kill(stack.supervisor(), SIGTERM);
    wait_until("nginx takes nothing more on", [&] {
        const int fd = connect_to(stack.port());
        if (fd >= 0) close(fd);
        return fd < 0;
    });
}

std::string received(int fd, const std::string& end) {
    std::string text;
    char buffer[4096];
    while (end.empty() || text.find(end) == text.npos) {
        const auto count = recv(fd, buffer, sizeof buffer, 0);
        if (count <= 0) break;
        text.append(buffer, static_cast<std::size_t>(count));
    }
    return text;
}

// The service stops while the endpoint of a request is still starting. `meanwhile` is called before
// the start may continue.
template <class Meanwhile>
void stop_while_it_starts(Meanwhile meanwhile) {
    const SlowStart start{"root"};
    Stack stack{Engine::sqlite};
    Reply reply;
    std::thread client{[&] { reply = stack.send({.path = "/"}); }};
    wait_until("the start has begun", [&] { return start.has_begun(); });
    begin_to_stop(stack);
    meanwhile(start);
    start.end();
    cr_expect_eq(stack.wait_for_end(), 0);
    client.join();
    cr_expect_eq(reply.status, 200, "%ld %s", reply.status, reply.failure.c_str());
}

}  // namespace

Test(on_demand, an_endpoint_starts_with_its_first_request_and_stays) {
    const Stack stack{Engine::sqlite, {{"WORKERS_ROOT", "3"}}};
    cr_expect_eq(stack.descendants().size(), at_rest);
    cr_expect_eq(stack.send({.path = "/"}).status, 200);
    const auto are_three = [&] { return stack.processes("root").size() == 3; };
    wait_until("three processes run", are_three);
    cr_expect_eq(stack.descendants().size(), at_rest + 3);
    // The processes come back without another request.
    const auto killed = stack.processes("root");
    for (const pid_t pid : killed) kill(pid, SIGKILL);
    wait_until("three others run",
               [&] { return are_three() && stack.processes("root") != killed; });
}

Test(on_demand, prestart_starts_all) {
    const Stack stack{Engine::sqlite, {{"PRESTART", "on"}, {"WORKERS_ROOT", "3"}}};
    for (const auto& name : all_handlers()) {
        const std::size_t wanted = name == "root" ? 3 : name.starts_with("auth_") ? 2 : 1;
        wait_until(name.c_str(), [&] { return stack.processes(name).size() == wanted; });
    }
}

Test(on_demand, many_first_requests_at_once_are_all_answered) {
    const Stack stack{Engine::postgres, {{"WORKERS_COLLAB_STATE_TASKS", "2"}}};
    constexpr int clients = 100;
    std::barrier together{clients};
    std::atomic<int> answered = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < clients; ++i)
        threads.emplace_back([&] {
            together.arrive_and_wait();
            if (stack.send({.path = "/collab/state/tasks"}).status == 200) ++answered;
        });
    for (auto& thread : threads) thread.join();
    cr_expect_eq(answered, clients, "%d of %d", answered.load(), clients);
    wait_until("two processes run",
               [&] { return stack.processes("collab_state_tasks").size() == 2; });
    cr_expect_eq(stack.descendants().size(), at_rest + 2);
}

Test(on_demand, a_restart_of_what_has_not_started_does_nothing) {
    const Stack stack{Engine::sqlite};
    const auto restart = [&] {
        const auto finished = stack.command({"restart", "root"});
        cr_expect_eq(finished.status, 0);
        EXPECT_TEXT(finished.errors, "");
        return finished.output;
    };
    EXPECT_TEXT(restart(), "root is not running: it starts with its first request\n");
    cr_expect_eq(stack.descendants().size(), at_rest);
    cr_expect_eq(stack.send({.path = "/"}).status, 200);
    const auto before = stack.processes("root");
    const auto done = restart();
    cr_expect(std::regex_match(done, std::regex{"restarted root in [0-9]\\.[0-9] s\n"}), "%s",
              done.c_str());
    cr_expect(stack.processes("root") != before, "nothing is replaced any more");
}

Test(on_demand, a_stop_waits_for_what_is_being_started) {
    stop_while_it_starts([](const SlowStart&) {});
}

Test(on_demand, a_stop_starts_again_what_dies_while_somebody_waits) {
    stop_while_it_starts([](const SlowStart& start) {
        cr_assert_gt(start.pid(), 0);
        kill(start.pid(), SIGKILL);
    });
}

// The service's stop closes the stream, but only after its head was sent.
Test(on_demand, a_stop_waits_for_a_stream_that_is_being_started) {
    const SlowStart start{"events_tail"};
    Stack stack{Engine::sqlite};
    std::optional<EventStream> stream;
    std::thread client{[&] { stream.emplace(stack.port(), "/events/tail"); }};
    wait_until("the start has begun", [&] { return start.has_begun(); });
    begin_to_stop(stack);
    start.end();
    cr_expect_eq(stack.wait_for_end(), 0);
    client.join();
    cr_expect(stream->head().starts_with("HTTP/1.1 200 "), "%s", stream->head().c_str());
    cr_expect(stream->ends());
}

// nginx has accepted a stream and waits for the rest of its head before it connects to the
// endpoint, which has long been stopped.
Test(on_demand, a_stop_answers_a_stream_that_nginx_passes_on_late) {
    for (const char* path : {"/events/tail", "/ws"}) {
        Stack stack{Engine::sqlite};
        // The endpoint starts, and its client disconnects.
        cr_assert_neq(stack.send({.path = path}).status, 0);
        const std::string name = path == std::string{"/ws"} ? "ws" : "events_tail";
        wait_until("it runs", [&] { return stack.processes(name).size() == 1; });
        const int fd = connect_to(stack.port());
        cr_assert_geq(fd, 0);
        const timeval patience{20, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        cr_assert(send_all(fd, std::string{"GET "} + path + " HTTP/1.1\r\nHost: localhost\r\n"));
        begin_to_stop(stack);
        wait_until("the endpoint has ended", [&] { return stack.processes(name).empty(); });
        const auto start = std::chrono::steady_clock::now();
        cr_assert(send_all(fd, "\r\n"));
        const auto answer = received(fd, "");
        cr_expect(answer.starts_with("HTTP/1.1 "), "%s: %s", path, answer.c_str());
        close(fd);
        cr_expect_eq(stack.wait_for_end(), 0);
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        cr_expect_lt(took.count(), 3, "%s held the stop up", path);
    }
}

// nginx has accepted a request and waits for its body before it connects to the endpoint.
Test(on_demand, a_stop_starts_what_is_asked_for_until_nginx_has_ended) {
    Stack stack{Engine::sqlite};
    const std::string body = R"({"title":"late"})";
    const int fd = connect_to(stack.port());
    cr_assert_geq(fd, 0);
    const timeval patience{20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    cr_assert(
        send_all(fd, "POST /collab/tasks HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n" +
                         stack.authorization_of("ann") +
                         "\r\nContent-Type: application/json\r\nContent-Length: " +
                         std::to_string(body.size()) + "\r\n\r\n"));
    EXPECT_TEXT(received(fd, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    begin_to_stop(stack);
    cr_expect(stack.processes("collab_tasks").empty());
    cr_assert(send_all(fd, body));
    const auto answer = received(fd, "");
    cr_expect(answer.starts_with("HTTP/1.1 200 "), "%s", answer.c_str());
    close(fd);
    cr_expect_eq(stack.wait_for_end(), 0);
}

// A process that starts so late would never be told to stop.
Test(on_demand, nothing_starts_once_nginx_has_ended) {
    Stack stack{Engine::sqlite};
    const auto stopped = stack.processes("healthz").at(0);
    kill(stopped, SIGSTOP);  // delays the stop
    const auto nginx = "/proc/" + std::to_string(stack.processes("nginx").at(0));
    kill(stack.supervisor(), SIGTERM);
    wait_until("the supervisor knows that nginx has ended", [&] { return !fs::exists(nginx); });
    const int late = connect_to_socket(stack.run_dir() + "/sockets/root.sock");
    cr_assert_geq(late, 0);
    kill(stopped, SIGCONT);
    cr_expect_eq(stack.wait_for_end(), 0, "%s", stack.log().c_str());
    close(late);
}
