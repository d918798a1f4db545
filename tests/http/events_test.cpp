// The feed through nginx: what readers receive during writes and failures.
#include <libpq-fe.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "tests/support/proxy.hpp"
#include "tests/support/signer.hpp"
#include "tests/support/stack/cluster.hpp"
#include "tests/support/stack/event_stream.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

using namespace std::chrono_literals;

constexpr const char* worker_key = "0123456789abcdef";

bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::string next_subject(EventStream& stream) {
    const auto event = stream.next();
    return event ? json_member(event->data, "subject") : "<nothing>";
}

Reply note(const Stack& stack, const std::string& name, const std::string& details = "null") {
    return stack.send(
        {.method = "POST",
         .path = "/events",
         .body = R"({"event":"test","target":")" + name + R"(","details":)" + details + "}",
         .headers = {stack.authorization_of("ann")}});
}

// Reads `count` events. Reconnects at the last event after a random number of events.
std::vector<std::string> read_with_drops(int port, std::size_t count, unsigned seed) {
    std::mt19937 random{seed};
    std::vector<std::string> ids;
    std::string last = "0";
    while (ids.size() < count) {
        EventStream stream{port, "/events/tail", {"Last-Event-ID: " + last}};
        const auto until_drop = random() % 120 + 1;
        for (unsigned i = 0; i < until_drop && ids.size() < count; ++i) {
            const auto event = stream.next();
            if (!event) return ids;
            ids.push_back(event->id);
        }
        last = stream.last_id();
    }
    return ids;
}

void write_and_read(Engine engine) {
    constexpr int writers = 16;
    constexpr int each = 25;
    constexpr std::size_t all = writers * each;
    const Stack stack{engine};
    std::vector<std::vector<std::string>> seen(3);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < seen.size(); ++i)
        threads.emplace_back([&, i] { seen[i] = read_with_drops(stack.port(), all, i); });
    std::atomic<int> acknowledged = 0;
    for (int i = 0; i < writers; ++i)
        threads.emplace_back([&] {
            Client client{stack.port()};
            const auto authorization = stack.authorization_of("ann");
            for (int turn = 0; turn < each; ++turn)
                acknowledged += client
                                    .send({.method = "POST",
                                           .path = "/collab/tasks",
                                           .body = R"({"title":"x"})",
                                           .headers = {authorization}})
                                    .status == 200;
        });
    for (auto& thread : threads) thread.join();
    cr_assert_eq(acknowledged.load(), static_cast<int>(all));
    for (const auto& ids : seen) {
        cr_assert_eq(ids.size(), all, "%zu of %zu", ids.size(), all);
        cr_expect(std::set<std::string>(ids.begin(), ids.end()).size() == all);
        cr_expect(ids == seen[0]);
    }
}

void passes_on(Engine engine) {
    const Stack stack{engine};
    EventStream live{stack.port(), "/events/tail"};
    cr_expect(holds(live.head(), " 200 OK"), "%s", live.head().c_str());
    cr_expect(holds(live.head(), "Content-Type: text/event-stream"));
    cr_expect(holds(live.head(), "Cache-Control: no-store"));
    cr_expect(holds(live.opening(), ": connected\nretry: 3000\nid: "), "%s",
              live.opening().c_str());
    const auto path = stack.create_task("first");
    const auto event = live.next();
    cr_assert(event.has_value());
    EXPECT_TEXT(event->type, "task.created");
    EXPECT_TEXT(json_member(event->data, "subject"), path);
    EXPECT_TEXT(json_member(event->data, "id"), event->id);

    // Starts at the beginning, and where another reader stopped.
    EventStream all{stack.port(), "/events/tail?after=0"};
    EXPECT_TEXT(next_subject(all), path);
    const auto second = stack.create_task("second");
    EXPECT_TEXT(next_subject(all), second);
    EXPECT_TEXT(next_subject(live), second);
    EventStream resumed{stack.port(), "/events/tail?after=0", {"Last-Event-ID: " + event->id}};
    EXPECT_TEXT(next_subject(resumed), second);

    EventStream lost{stack.port(), "/events/tail?after=99999999-1"};
    cr_expect(holds(lost.opening(), "\nevent: reset\ndata: {"), "%s", lost.opening().c_str());
    const auto third = stack.create_task("third");
    EXPECT_TEXT(next_subject(lost), third);
}

// An operator's own nginx in front of the service, with default settings.
class Front {
public:
    explicit Front(const Stack& stack) : folder_(stack.run_dir() + "/front") {
        std::filesystem::create_directories(folder_);
        std::ofstream{folder_ + "/nginx.conf"}
            << "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents "
               "{}\nhttp {\n    access_log off;\n"
            << "    client_body_temp_path body;\n    proxy_temp_path proxy;\n"
            << "    fastcgi_temp_path fastcgi;\n    scgi_temp_path scgi;\n"
            << "    uwsgi_temp_path uwsgi;\n    server {\n        listen 127.0.0.1:" << port_
            << ";\n        location / { proxy_pass http://127.0.0.1:" << stack.port()
            << "; }\n    }\n}\n";
        nginx_.emplace(std::vector<std::string>{"/usr/sbin/nginx", "-e", "stderr", "-p",
                                                folder_ + "/", "-c", "nginx.conf"},
                       base_variables(), folder_ + "/log");
        wait_until("the front answers", [&] {
            return Client{port_, ""}.send({.path = "/livez"}).status == 200;
        });
    }

    int port() const { return port_; }

private:
    std::string folder_;
    int port_ = free_port();
    std::optional<Background> nginx_;
};

}  // namespace

Test(events, are_passed_on_at_once_on_sqlite, .timeout = 60) { passes_on(Engine::sqlite); }
Test(events, are_passed_on_at_once_on_postgres, .timeout = 60) { passes_on(Engine::postgres); }

Test(events, are_passed_on_at_once_by_a_proxy_with_its_defaults, .timeout = 60) {
    const Stack stack{Engine::sqlite};
    const Front front{stack};
    EventStream stream{front.port(), "/events/tail"};
    cr_assert(holds(stream.head(), " 200 OK"), "%s", stream.head().c_str());
    cr_assert_eq(note(stack, "one").status, 200);
    EXPECT_TEXT(next_subject(stream), "one");
}

Test(events, come_once_each_and_in_one_order_on_sqlite, .timeout = 100) {
    write_and_read(Engine::sqlite);
}
Test(events, come_once_each_and_in_one_order_on_postgres, .timeout = 100) {
    write_and_read(Engine::postgres);
}

// The event's id was assigned before those of the others, which commit first.
Test(events, of_a_transaction_that_is_held_open_are_not_skipped, .timeout = 60) {
    const Cluster cluster;  // no other feed has to wait
    const Stack stack{cluster.url()};
    EventStream reader{stack.port(), "/events/tail"};
    const PgConnection holder{PQconnectdb(stack.database_url().c_str())};
    const auto execute = [&](const char* sql) {
        PGresult* const result = PQexec(holder.get(), sql);
        const auto status = PQresultStatus(result);
        PQclear(result);
        cr_assert(status == PGRES_COMMAND_OK, "%s: %s", sql, PQerrorMessage(holder.get()));
    };
    execute("BEGIN");
    execute(
        "INSERT INTO events (type, audience, subject, data) VALUES ('held', 'public', 'held', "
        "'1')");
    for (int i = 0; i < 20; ++i) cr_assert_eq(note(stack, std::to_string(i)).status, 200);
    // The others wait for the held event. Otherwise some readers would see it after them, and
    // others before.
    cr_expect(!reader.next(5s).has_value());
    EventStream later{stack.port(), "/events/tail?after=0"};
    cr_expect(!later.next(300ms).has_value());
    execute("COMMIT");
    EXPECT_TEXT(next_subject(reader), "held");
    EXPECT_TEXT(next_subject(later), "held");
    for (int i = 0; i < 20; ++i) {
        EXPECT_TEXT(next_subject(reader), std::to_string(i));
        EXPECT_TEXT(next_subject(later), std::to_string(i));
    }
}

Test(events, reach_their_audience_alone, .timeout = 60) {
    const Stack stack{Engine::postgres, {{"API_KEYS", worker_key}}};
    const auto ann = stack.authorization_of("ann");
    const auto bob = stack.authorization_of("bob");
    const auto ticket = json_member(
        stack.send({.method = "POST", .path = "/events/ticket", .headers = {ann}}).body, "ticket");
    EventStream everybody{stack.port(), "/events/tail"};
    EventStream anns{stack.port(), "/events/tail", {ann}};
    EventStream with_ticket{stack.port(), "/events/tail?ticket=" + ticket};
    EventStream bobs{stack.port(), "/events/tail", {bob}};
    EventStream worker{stack.port(), "/events/tail", {std::string{"X-API-Key: "} + worker_key}};
    const auto task = stack.send({.method = "POST",
                                  .path = "/api/tasks",
                                  .body = R"({"title":"secret"})",
                                  .headers = {ann}});
    cr_assert_eq(task.status, 201);
    cr_assert_eq(stack
                     .send({.method = "POST",
                            .path = "/jobs",
                            .body = R"({"title":"work"})",
                            .headers = {std::string{"X-API-Key: "} + worker_key}})
                     .status,
                 200);
    cr_assert_eq(note(stack, "end").status, 200);

    for (auto* const own : {&anns, &with_ticket}) {
        const auto event = own->next();
        cr_assert(event.has_value());
        EXPECT_TEXT(event->type, "task.created");
        EXPECT_TEXT(json_member(event->data, "audience"), "user:ann");
        EXPECT_TEXT(next_subject(*own), "end");
    }
    const auto job = worker.next();
    cr_assert(job.has_value());
    EXPECT_TEXT(job->type, "job.created");
    for (auto* const other : {&everybody, &bobs, &worker}) EXPECT_TEXT(next_subject(*other), "end");
    // This holds for every cursor.
    EventStream again{stack.port(), "/events/tail", {bob, "Last-Event-ID: 0"}};
    EXPECT_TEXT(next_subject(again), "end");

    for (const std::string& query : {"?ticket=" + ann.substr(22), std::string{"?ticket=x"}}) {
        const auto reply = stack.send({.path = "/events/tail" + query});
        expect_error(reply, Error::invalid_token);
    }
    cr_expect(!holds(stack.log(), ticket));
}

// The stream stays open as long as the token itself would be accepted.
Test(events, end_with_the_token, .timeout = 60) {
    const Stack stack{Engine::sqlite};
    cr_assert_eq(stack.command({"token", "--user", "ann"}).status, 0);
    const auto expires_at = std::time(nullptr) - 20;
    const auto token = hmac_token(R"({"alg":"HS256"})",
                                  R"({"iss":"steelthread","aud":"steelthread","sub":"ann","exp":)" +
                                      std::to_string(expires_at) + "}",
                                  stack.variables().at("JWT_SECRET"));
    EventStream stream{stack.port(), "/events/tail", {"Authorization: Bearer " + token}};
    cr_assert_eq(note(stack, "one").status, 200);
    EXPECT_TEXT(next_subject(stream), "one");
    cr_assert(stream.ends(std::chrono::seconds{20}));
    // std::time() may be one tick behind.
    const auto now = std::chrono::system_clock::now();
    cr_expect_geq(std::chrono::system_clock::to_time_t(now), expires_at + 30);
}

// --- failures

Test(events, streams_end_when_the_service_stops, .timeout = 60) {
    Stack stack{Engine::sqlite};
    std::vector<EventStream> streams;
    for (int i = 0; i < 50; ++i) streams.emplace_back(stack.port(), "/events/tail");
    for (const auto& stream : streams) cr_expect(holds(stream.head(), " 200 OK"));
    cr_expect_eq(stack.stop(), 0);
    for (auto& stream : streams) cr_expect(stream.ends());
}

Test(events, are_read_on_after_a_kill, .timeout = 60) {
    const Stack stack{Engine::sqlite};
    EventStream stream{stack.port(), "/events/tail"};
    cr_assert_eq(note(stack, "one").status, 200);
    EXPECT_TEXT(next_subject(stream), "one");
    for (const pid_t pid : stack.processes("events_tail")) kill(pid, SIGKILL);
    cr_assert(stream.ends());
    cr_assert_eq(note(stack, "two").status, 200);
    wait_until("the endpoint is back", [&] {
        EventStream again{stack.port(), "/events/tail", {"Last-Event-ID: " + stream.last_id()}};
        return next_subject(again) == "two";
    });
}

// A slow reader delays nobody and loses nothing, whether or not it was disconnected.
Test(events, a_slow_reader_holds_nobody_up, .timeout = 100) {
    const Stack stack{Engine::postgres};
    auto slow = std::make_unique<EventStream>(stack.port(), "/events/tail");
    EventStream quick{stack.port(), "/events/tail"};
    const auto details = '"' + std::string(16'000, 'x') + '"';
    std::thread writer{[&] {
        for (int i = 0; i < 400; ++i) note(stack, std::to_string(i), details);
    }};
    for (int i = 0; i < 400; ++i) EXPECT_TEXT(next_subject(quick), std::to_string(i));
    writer.join();
    for (int i = 0; i < 400; ++i) {
        auto event = slow->next();
        for (int turn = 0; !event && turn < 3; ++turn) {
            const auto last = slow->last_id();
            slow = std::make_unique<EventStream>(
                stack.port(), "/events/tail", std::vector<std::string>{"Last-Event-ID: " + last});
            event = slow->next();
        }
        cr_assert(event.has_value());
        EXPECT_TEXT(json_member(event->data, "subject"), std::to_string(i));
    }
}

namespace {

// Writes many large events in one transaction.
void take_a_burst(Engine engine) {
    const TestDatabase database{engine};
    const Stack stack{database.url()};
    EventStream reader{stack.port(), "/events/tail"};
    database.execute(
        engine == Engine::sqlite
            ? "INSERT INTO events (type, audience, subject, data) WITH RECURSIVE n(i) AS (SELECT 1 "
              "UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT 't', 'public', i, '\"' || "
              "hex(zeroblob(8000)) || '\"' FROM n"
            : "INSERT INTO events (type, audience, subject, data) SELECT 't', 'public', i::text, "
              "to_json(repeat('x', 16000)) FROM generate_series(1, 300) AS i");
    for (int i = 1; i <= 300; ++i) EXPECT_TEXT(next_subject(reader), std::to_string(i));
    cr_expect(!reader.has_ended());
}

}  // namespace

Test(events, a_burst_drops_nobody_on_sqlite, .timeout = 60) { take_a_burst(Engine::sqlite); }
Test(events, a_burst_drops_nobody_on_postgres, .timeout = 60) { take_a_burst(Engine::postgres); }

// The single poller serves all readers that keep up with the events, however many they are. None of
// them queries the database itself.
Test(events, a_burst_is_read_once_for_all, .timeout = 100) {
    TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    const Stack stack{with_port(database.url(), proxy.port())};
    std::vector<EventStream> streams;
    for (int i = 0; i < 40; ++i) streams.emplace_back(stack.port(), "/events/tail");
    // Wait until all of them have joined.
    cr_assert_eq(note(stack, "first").status, 200);
    for (auto& stream : streams) EXPECT_TEXT(next_subject(stream), "first");
    cr_assert_eq(note(stack, "second").status, 200);
    for (auto& stream : streams) EXPECT_TEXT(next_subject(stream), "second");

    const int before = proxy.round_trips();
    const auto began = std::chrono::steady_clock::now();
    database.execute(
        "INSERT INTO events (type, audience, subject, data) SELECT 't', 'public', i::text, "
        "to_json(repeat('x', 16000)) FROM generate_series(1, 60) AS i");
    std::atomic<int> count = 0;
    std::vector<std::thread> readers;
    for (auto& stream : streams)
        readers.emplace_back([&] {
            for (int i = 1; i <= 60; ++i) count += next_subject(stream) == std::to_string(i);
        });
    for (auto& reader : readers) reader.join();
    cr_expect_eq(count.load(), 60 * 40);
    const auto polls = (std::chrono::steady_clock::now() - began) / 50ms;
    const auto looks = proxy.round_trips() - before;
    cr_expect_leq(looks, polls + 10, "%d looks in the time of %d", looks, static_cast<int>(polls));
}

Test(events, cost_the_database_nothing_while_nobody_listens, .timeout = 60) {
    TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    const Stack stack{with_port(database.url(), proxy.port())};
    {
        EventStream stream{stack.port(), "/events/tail"};
        const int before = proxy.round_trips();
        wait_until("it is asked", [&] { return proxy.round_trips() > before + 5; });
    }
    int before = -1;
    wait_until("it is not asked any more", [&] {
        const int now = proxy.round_trips();
        const bool is_quiet = now == before;
        before = now;
        std::this_thread::sleep_for(300ms);
        return is_quiet;
    });
}

Test(events, go_on_when_the_database_is_back, .timeout = 60) {
    TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    const Stack stack{with_port(database.url(), proxy.port())};
    EventStream stream{stack.port(), "/events/tail"};
    cr_assert_eq(note(stack, "one").status, 200);
    EXPECT_TEXT(next_subject(stream), "one");
    for (int i = 0; i < 3; ++i) {
        proxy.cut();
        const auto name = "after cut " + std::to_string(i);
        wait_until("a note is taken", [&] { return note(stack, name).status == 200; });
        EXPECT_TEXT(next_subject(stream), name);
    }
}

// A note that was answered with 503 may have been written nevertheless, but only once.
Test(events, a_restart_of_postgres_ends_no_stream, .timeout = 100) {
    const Cluster cluster;
    const Stack stack{cluster.url()};
    std::vector<EventStream> streams;
    for (int i = 0; i < 20; ++i) streams.emplace_back(stack.port(), "/events/tail");
    std::vector<std::string> acknowledged;
    std::atomic<int> count = 0;
    std::atomic<bool> is_over = false;
    std::thread writer{[&] {
        for (int i = 0; !is_over; ++i) {
            const auto name = std::to_string(i);
            if (note(stack, name).status != 200) continue;
            acknowledged.push_back(name);
            ++count;
        }
    }};
    wait_until("notes are taken", [&] { return count > 20; });
    cluster.restart();
    const int before = count;
    wait_until("notes are taken again", [&] { return count > before + 20; });
    is_over = true;
    writer.join();
    for (auto& stream : streams) {
        std::set<std::string> seen;
        for (std::string subject; subject != acknowledged.back();) {
            subject = next_subject(stream);
            cr_assert(subject != "<nothing>", "after %zu events", seen.size());
            cr_expect(seen.insert(subject).second, "%s comes twice", subject.c_str());
        }
        for (const auto& name : acknowledged) cr_expect(seen.contains(name), "%s", name.c_str());
    }
}
