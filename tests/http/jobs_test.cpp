// Jobs from the outside: the worker in docs/jobs.md, and workers that are killed at any moment.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <random>
#include <thread>

#include "tests/support/stack/stack.hpp"

namespace {

using std::chrono::milliseconds;

struct Queue {
    explicit Queue(Engine engine) : database{engine}, stack{database.url()} {}

    const TestDatabase database;
    const Stack stack;
};

Call call(const std::string& method, const std::string& path, const std::string& body = "") {
    return {.method = method,
            .path = path,
            .body = body,
            .headers = {std::string{"X-API-Key: "} + api_key}};
}

// Adds a job and returns its path.
std::string add(const Stack& stack, const std::string& body) {
    const auto reply = stack.send(call("POST", "/jobs", body));
    cr_assert_eq(reply.status, 200, "%s%s", reply.body.c_str(), reply.failure.c_str());
    return reply.header("location");
}

// Returns the worker shown in docs/jobs.md.
std::string documented_worker() {
    const std::string fence = "```sh\n";
    const auto text = read_text("docs/jobs.md");
    const auto begin = text.find(fence + "#!/bin/sh\n# worker.sh");
    cr_assert_neq(begin, text.npos, "docs/jobs.md shows no worker");
    const auto end = text.find("```\n", begin + fence.size());
    return text.substr(begin + fence.size(), end - begin - fence.size());
}

// Works until it is killed. Never returns.
[[noreturn]] void work(int port, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    std::mt19937 random{static_cast<unsigned>(getpid())};
    Client client{port};
    for (;;) {
        const auto leased = client.send(
            call("POST", "/jobs/lease", R"({"worker":"w","limit":3,"lease_seconds":1})"));
        const int count = std::atoi(json_member(leased.body, "jobs").c_str() + 1);
        if (leased.status != 200 || count == 0) std::this_thread::sleep_for(milliseconds{20});
        for (int i = 0; leased.status == 200 && i < count; ++i) {
            const auto job = "jobs." + std::to_string(i);
            std::this_thread::sleep_for(milliseconds{random() % 60});
            client.send(
                call("POST", "/jobs/" + json_member(leased.body, job + ".id") + "/complete",
                     R"({"lease_id":")" + json_member(leased.body, job + ".lease_id") + "\"}"));
        }
    }
}

pid_t start_worker(int port) {
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) work(port, parent);
    cr_assert(pid > 0, "fork failed");
    return pid;
}

void end_worker(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
}

}  // namespace

ON_BOTH(jobs, live_their_lives, Queue, queue) {
    const Stack& stack = queue.stack;
    const auto path = add(stack, R"({"title":"t","payload":{"a":1}})");
    const auto leased = stack.send(call("POST", "/jobs/lease", R"({"worker":"w"})"));
    cr_assert_eq(leased.status, 200, "%s", leased.body.c_str());
    EXPECT_TEXT("/jobs/" + json_member(leased.body, "jobs.0.id"), path);
    const auto lease = R"({"lease_id":")" + json_member(leased.body, "jobs.0.lease_id") + "\"";
    cr_expect_eq(stack.send(call("POST", path + "/heartbeat", lease + "}")).status, 200);
    const auto done = stack.send(call("POST", path + "/complete", lease + R"(,"result":[1]})"));
    EXPECT_TEXT(json_member(done.body, "status"), "completed");
    const auto got = stack.send(call("GET", path));
    EXPECT_TEXT(got.body, done.body);
    EXPECT_TEXT(got.header("etag"), done.header("etag"));
    cr_expect(!got.header("ratelimit").empty());
    expect_error(stack.send(call("POST", path + "/cancel")), Error::conflict);
    expect_error(stack.send({.path = path}), Error::invalid_api_key);
    expect_error(stack.send({.path = path + "?X-API-Key=" + api_key}), Error::invalid_api_key);
    // This is a path of its own, not the job "lease".
    const auto get = stack.send(call("GET", "/jobs/lease"));
    expect_error(get, Error::method_not_allowed);
    EXPECT_TEXT(get.header("allow"), "POST, OPTIONS");
    expect_error(stack.send(call("TRACE", "/jobs/lease")), Error::method_not_allowed);
    cr_expect(stack.log().find(api_key) == std::string::npos);
}

ON_BOTH(jobs, are_done_by_the_documented_worker, Queue, queue) {
    const Stack& stack = queue.stack;
    std::vector<std::string> paths;
    for (const char* text : {"one", "one two", R"(with \"quotes\" and \\ \n and ä)"})
        paths.push_back(
            add(stack, std::string{R"({"title":"count","payload":{"text":")"} + text + "\"}}"));
    const auto bad = add(stack, R"({"title":"count","payload":{"text":7},"max_attempts":1})");
    const auto script = stack.run_dir() + "/worker.sh";
    std::ofstream{script} << documented_worker();
    auto variables = base_variables();
    variables["base"] = stack.base_url();
    variables["API_KEY"] = api_key;
    const auto status_of = [&](const std::string& path) {
        return json_member(stack.send(call("GET", path)).body, "status");
    };
    const Background worker{{"/bin/sh", script}, variables, script + ".log"};
    wait_until("all jobs have ended", [&] {
        for (const auto& path : paths)
            if (status_of(path) != "completed") return false;
        return status_of(bad) == "failed";
    });
    EXPECT_TEXT(json_member(stack.send(call("GET", paths[1])).body, "result.words"), "2");
    EXPECT_TEXT(json_member(stack.send(call("GET", bad)).body, "error"), "no text to count");
}

// Whatever is killed during its work, every job is completed exactly once.
ON_BOTH(jobs, survive_their_workers, Queue, queue) {
    const auto& [database, stack] = queue;
    constexpr std::size_t job_count = 300;
    constexpr std::size_t worker_count = 6;
    std::vector<pid_t> workers;
    for (std::size_t i = 0; i < job_count; ++i) add(stack, R"({"title":"t","max_attempts":100})");
    for (std::size_t i = 0; i < worker_count; ++i) workers.push_back(start_worker(stack.port()));
    std::mt19937 random{7};
    int killed = 0;
    const auto wanted = std::to_string(job_count);
    wait_until(
        "all jobs are completed",
        [&] {
            auto& victim = workers[random() % worker_count];
            end_worker(victim);
            victim = start_worker(stack.port());
            ++killed;
            std::this_thread::sleep_for(milliseconds{random() % 40});
            return database.execute("SELECT count(*) FROM jobs WHERE status = 'completed'") ==
                   wanted;
        },
        60);
    for (const pid_t worker : workers) end_worker(worker);
    const std::string completed = "FROM events WHERE type = 'job.completed'";
    EXPECT_TEXT(database.execute("SELECT count(*) " + completed), wanted);
    EXPECT_TEXT(database.execute("SELECT count(DISTINCT subject) " + completed), wanted);
    EXPECT_TEXT(database.execute("SELECT sum(attempts) FROM jobs"),
                database.execute("SELECT count(*) FROM events WHERE type = 'job.leased'"));
    // Some workers were killed while they held jobs.
    cr_expect_gt(std::stoi(database.execute("SELECT sum(attempts) FROM jobs")), 300,
                 "%d workers were killed", killed);
}
