// Batches of tasks from the outside: many at once, processes that are killed in between, and lists
// of what a batch has written.
#include <signal.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/stack/stack.hpp"

namespace {

constexpr int batch_size = 100;

// Creates tasks that all have this title.
std::string creates(const std::string& title) {
    std::string operations;
    for (int i = 0; i < batch_size; ++i)
        operations.append(i == 0 ? "" : ",")
            .append(R"({"op":"create","title":")")
            .append(title)
            .append("\"}");
    return R"({"operations":[)" + operations + "]}";
}

// Clients that send batches, each of them with titles of its own.
class Clients {
public:
    static constexpr std::size_t count = 4;
    static constexpr int batches_each = 24;  // within the quota of tasks

    explicit Clients(Engine engine) : database_{engine}, stack_{database_.url()} {}

    const TestDatabase& database() const { return database_; }
    int cut_off() const { return cut_off_; }
    const std::set<std::string>& acknowledged() const { return acknowledged_; }

    // Sends all batches while the handler is killed several times. With keys, each batch is sent
    // until it is acknowledged; without, once.
    void run(bool with_keys) {
        std::set<std::string> titles[count];
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < count; ++i)
            threads.emplace_back(
                [&, i] { send_all("client " + std::to_string(i), with_keys, titles[i]); });
        for (const int answered : {8, 24, 40, 56, 72, 84}) {
            wait_until("batches are answered", [&] { return answered_ >= answered; });
            for (const pid_t pid : stack_.processes("tasks_batch")) kill(pid, SIGKILL);
        }
        for (auto& thread : threads) thread.join();
        for (const auto& own : titles) acknowledged_.insert(own.begin(), own.end());
    }

private:
    void send_all(const std::string& name, bool with_keys, std::set<std::string>& acknowledged) {
        Client client{stack_.port()};
        for (int i = 0; i < batches_each; ++i) {
            const auto title = name + " batch " + std::to_string(i);
            Call call{.method = "POST",
                      .path = "/api/tasks/batch",
                      .body = creates(title),
                      .headers = {authorization_}};
            if (with_keys)
                call.headers.push_back("Idempotency-Key: " + std::to_string(i) + name.substr(7));
            auto reply = client.send(call);
            for (; reply.status != 200; reply = client.send(call)) {
                cr_expect(reply.status == 503 || reply.status == 0, "%ld %s", reply.status,
                          reply.body.c_str());
                ++cut_off_;
                std::this_thread::sleep_for(std::chrono::milliseconds{20});
                if (!with_keys) break;
            }
            if (reply.status == 200) acknowledged.insert(title);
            ++answered_;
        }
    }

    const TestDatabase database_;
    const Stack stack_;
    const std::string authorization_ = stack_.authorization();
    std::atomic<int> answered_ = 0;
    std::atomic<int> cut_off_ = 0;
    std::set<std::string> acknowledged_;
};

std::string partial_batches(const TestDatabase& database) {
    return database.execute(
        "SELECT count(*) FROM (SELECT title FROM tasks GROUP BY title HAVING count(*) <> " +
        std::to_string(batch_size) + ") AS partial");
}

}  // namespace

ON_BOTH(tasks_batch_http, a_killed_process_leaves_whole_batches_or_none, Clients, clients) {
    clients.run(/* with_keys */ false);
    cr_expect_gt(clients.cut_off(), 0);
    const auto& database = clients.database();
    EXPECT_TEXT(partial_batches(database), "0");
    for (const auto& title : clients.acknowledged())
        EXPECT_TEXT(database.execute("SELECT count(*) FROM tasks WHERE title = '" + title + "'"),
                    std::to_string(batch_size));
    // What belongs to the tasks is there as well.
    EXPECT_TEXT(database.execute("SELECT count(*) - (SELECT count(*) FROM tasks) FROM events WHERE "
                                 "type = 'task.created'"),
                "0");
    EXPECT_TEXT(
        database.execute("SELECT sum(total) - (SELECT count(*) FROM tasks) FROM task_counts"), "0");
}

ON_BOTH(tasks_batch_http, a_killed_process_doubles_no_batch_with_a_key, Clients, clients) {
    clients.run(/* with_keys */ true);
    cr_expect_gt(clients.cut_off(), 0);
    const auto& database = clients.database();
    cr_expect_eq(clients.acknowledged().size(), Clients::count * Clients::batches_each);
    EXPECT_TEXT(partial_batches(database), "0");
    EXPECT_TEXT(database.execute("SELECT count(DISTINCT title) FROM tasks"),
                std::to_string(Clients::count * Clients::batches_each));
    EXPECT_TEXT(database.execute("SELECT count(*) FROM request_keys"),
                std::to_string(Clients::count * Clients::batches_each));
}

static void find_what_a_batch_wrote(Engine engine) {
    const Stack stack{engine};
    const auto authorization = stack.authorization();
    const auto send = [&](const std::string& body) {
        const auto reply = stack.send({.method = "POST",
                                       .path = "/api/tasks/batch",
                                       .body = body,
                                       .headers = {authorization}});
        cr_assert_eq(reply.status, 200, "%s", reply.body.c_str());
        return reply;
    };
    const auto ids = [&](const std::string& query) {
        const auto reply = stack.send({.path = "/api/tasks?" + query, .headers = {authorization}});
        cr_assert_eq(reply.status, 200, "%s", reply.body.c_str());
        std::string all;
        for (int i = 0;; ++i) {
            const auto id = json_member(reply.body, "data." + std::to_string(i) + ".id");
            if (id == "<absent>") return all;
            all += (all.empty() ? "" : " ") + id;
        }
    };
    send(R"({"operations":[{"op":"create","title":"Zebra"},)"
         R"({"op":"create","title":"\u00c4pfel","description":"GR\u00dcN","tags":["Obst"]},)"
         R"({"op":"create","title":"birnen","priority":"high"}]})");
    EXPECT_TEXT(ids("sort=title&order=asc"), "2 3 1");
    EXPECT_TEXT(ids("q=apfel+grun+obst"), "2");
    EXPECT_TEXT(ids("tag=OBST"), "2");
    send(R"({"operations":[{"op":"update","id":1,"title":"\u00c4al","tags":["obst"]},)"
         R"({"op":"update","id":2,"description":null},{"op":"delete","id":3}]})");
    EXPECT_TEXT(ids("sort=title&order=asc"), "1 2");
    EXPECT_TEXT(ids("q=zebra"), "");
    EXPECT_TEXT(ids("q=grun"), "");
    EXPECT_TEXT(ids("q=aal"), "1");
    EXPECT_TEXT(ids("tag=obst&sort=title&order=desc"), "2 1");
}

Test(tasks_batch_http, lists_find_what_a_batch_wrote) { with_each_engine(find_what_a_batch_wrote); }
