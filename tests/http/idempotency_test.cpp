// Requests with an Idempotency-Key from the outside: which operations take one, many at once, and
// processes that are killed in between.
#include <rapidjson/document.h>
#include <signal.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "shared/json/reader.hpp"
#include "tests/support/stack/openapi.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

struct Keyed {
    explicit Keyed(Engine engine) : database{engine}, stack{database.url()} {}

    Call call(const std::string& path, const std::string& key, const std::string& body) const {
        return {.method = "POST",
                .path = path,
                .body = body,
                .headers = {authorization, "Idempotency-Key: " + key}};
    }
    Reply send(const std::string& path, const std::string& key, const std::string& body) const {
        return stack.send(call(path, key, body));
    }
    std::string count(const std::string& table) const {
        return database.execute("SELECT count(*) FROM " + table);
    }

    const TestDatabase database;
    const Stack stack;
    const std::string authorization = stack.authorization();
};

void expect_same(const Reply& reply, const Reply& first) {
    cr_expect_eq(reply.status, first.status, "%ld %s", reply.status, reply.body.c_str());
    EXPECT_TEXT(reply.body, first.body);
    EXPECT_TEXT(reply.header("etag"), first.header("etag"));
    EXPECT_TEXT(reply.header("location"), first.header("location"));
}

void expect_other_request(const Reply& reply) {
    cr_expect_eq(reply.status, 422, "%ld %s", reply.status, reply.body.c_str());
    cr_expect(reply.body.find(R"(["header","Idempotency-Key"])") != reply.body.npos, "%s",
              reply.body.c_str());
}

// Clients that send each of their tasks until it is acknowledged.
struct Persistent {
    static constexpr int tasks_each = 60;

    void send_all(const Keyed& keyed, const std::string& name, std::set<std::string>& paths) {
        Client client{keyed.stack.port()};
        for (int i = 0; i < tasks_each; ++i) {
            const auto call =
                keyed.call("/api/tasks", name + std::to_string(i), R"({"title":"only once"})");
            auto reply = client.send(call);
            for (; reply.status != 201; reply = client.send(call)) {
                ++repetitions;
                std::this_thread::sleep_for(std::chrono::milliseconds{20});
            }
            paths.insert(reply.header("location"));
            ++acknowledged;
        }
    }

    std::atomic<int> acknowledged = 0;
    std::atomic<int> repetitions = 0;
};

}  // namespace

// The exceptions are what creates nothing that a second request could duplicate: tokens, an account
// with its address, and reports of workers, which name their lease.
Test(idempotency, every_post_that_creates_takes_a_key) {
    std::set<std::string> exceptions{"logIn",        "signIn",      "signUp",
                                     "createTicket", "cancelJob",   "completeJob",
                                     "failJob",      "extendLease", "leaseJobs"};
    const auto& document = Contract::of("/api/v1").document();
    int keyed = 0;
    for (const auto& [path, item] : document["paths"].GetObject()) {
        const auto* const post = json::find(item, "post");
        if (!post) continue;
        const std::string name{json::text_of((*post)["operationId"])};
        if (exceptions.erase(name) > 0) continue;
        bool takes_key = false;
        for (const auto& parameter : (*post)["parameters"].GetArray()) {
            const auto* const reference = json::find(parameter, "$ref");
            takes_key |=
                reference && json::text_of(*reference) == "#/components/parameters/Idempotency-Key";
        }
        cr_expect(takes_key, "%s takes no Idempotency-Key", name.c_str());
        ++keyed;
    }
    cr_expect(exceptions.empty(), "there is no %s",
              exceptions.empty() ? "" : exceptions.begin()->c_str());
    cr_expect_geq(keyed, 9);
}

// A key belongs to one request of all endpoints.
ON_BOTH(idempotency, a_key_is_for_one_request, Keyed, keyed) {
    const auto conversation = keyed.send("/api/conversations", "conversation", "{}");
    cr_assert_eq(conversation.status, 201, "%s", conversation.body.c_str());
    const auto messages = conversation.header("location") + "/messages";
    struct {
        std::string path;
        std::string body;
    } const requests[] = {
        {"/api/tasks", R"({"title":"x"})"},
        {"/collab/tasks", R"({"title":"x"})"},
        {messages, R"({"role":"user","content":"x"})"},
        {"/events", R"({"event":"x","target":"/y"})"},
        {"/api/conversations", "{}"},
    };
    for (const auto& [path, body] : requests) {
        const auto first = keyed.send(path, path, body);
        cr_assert(first.status == 201 || first.status == 200, "%s", first.body.c_str());
        expect_same(keyed.send(path, path, body), first);
        for (const auto& other : requests)
            if (other.path != path) expect_other_request(keyed.send(other.path, path, other.body));
    }
    EXPECT_TEXT(keyed.count("tasks"), "1");
    EXPECT_TEXT(keyed.count("collab_tasks"), "1");
    EXPECT_TEXT(keyed.count("messages"), "1");
    EXPECT_TEXT(keyed.count("conversations"), "2");
    EXPECT_TEXT(keyed.count("events WHERE type = 'note.x'"), "1");
}

ON_BOTH(idempotency, twenty_at_once_create_one, Keyed, keyed) {
    for (const std::string path : {"/api/tasks", "/collab/tasks"}) {
        std::vector<Reply> replies(20);
        std::vector<std::thread> clients;
        for (auto& reply : replies)
            clients.emplace_back([&] { reply = keyed.send(path, path, R"({"title":"x"})"); });
        for (auto& client : clients) client.join();
        for (const auto& reply : replies) expect_same(reply, replies.front());
        cr_expect_lt(replies.front().status, 300, "%s", replies.front().body.c_str());
    }
    EXPECT_TEXT(keyed.count("tasks"), "1");
    EXPECT_TEXT(keyed.count("collab_tasks"), "1");
    EXPECT_TEXT(keyed.count("events WHERE type = 'task.created'"), "2");
}

// The key and the task are stored together or neither is.
ON_BOTH(idempotency, a_killed_process_costs_no_task_and_doubles_none, Keyed, keyed) {
    Persistent clients;
    std::set<std::string> paths[4];
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < std::size(paths); ++i)
        threads.emplace_back(
            [&, i] { clients.send_all(keyed, std::to_string(i) + "-", paths[i]); });
    for (const int acknowledged : {20, 60, 100, 140}) {
        wait_until("tasks were created", [&] { return clients.acknowledged >= acknowledged; });
        for (const pid_t pid : keyed.stack.processes("tasks")) kill(pid, SIGKILL);
    }
    for (auto& thread : threads) thread.join();
    cr_expect_gt(clients.repetitions.load(), 0);
    std::set<std::string> all;
    for (const auto& own : paths) all.insert(own.begin(), own.end());
    cr_expect_eq(all.size(), std::size(paths) * Persistent::tasks_each);
    const auto number = std::to_string(all.size());
    EXPECT_TEXT(keyed.count("tasks"), number);
    EXPECT_TEXT(keyed.count("request_keys"), number);
    EXPECT_TEXT(keyed.count("events WHERE type = 'task.created'"), number);
}
