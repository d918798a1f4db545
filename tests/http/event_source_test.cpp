// Clients that follow the feed across dropped connections: the npm package `eventsource`
// (tests/event_source) and a browser's EventSource, which reconnect by themselves, and a browser's
// WebSocket, which the page opens again. Events are written all the time. Connections are dropped
// in turn on nginx's side and on the client's.
#include <rapidjson/document.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <thread>

#include "shared/json/reader.hpp"
#include "tests/support/proxy.hpp"
#include "tests/support/stack/browser.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

using namespace std::chrono_literals;
using Ids = std::vector<std::string>;

constexpr int drops = 3;
constexpr std::size_t between_drops = 60;  // events

void note(const Stack& stack, Client& client, const std::string& name) {
    const auto reply =
        client.send({.method = "POST",
                     .path = "/events",
                     .body = R"({"event":")" + name + R"(","target":"x","details":null})",
                     .headers = {stack.authorization_of("bob")}});
    cr_expect_eq(reply.status, 200, "%s%s", reply.body.c_str(), reply.failure.c_str());
}

// Writes public events and events of Ann during its lifetime.
class Writer {
public:
    explicit Writer(const Stack& stack)
        : stack_(stack), ann_(stack.authorization_of("ann")), thread_([this] { write(); }) {}
    ~Writer() { end(); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    // Stops and writes the last event, which marks the end.
    void end() {
        if (!thread_.joinable()) return;
        is_over_ = true;
        thread_.join();
        Client client{stack_.port()};
        note(stack_, client, "end");
    }

private:
    void write() {
        Client client{stack_.port()};
        while (!is_over_) {
            note(stack_, client, "test");
            const auto task = client.send({.method = "POST",
                                           .path = "/api/tasks",
                                           .body = R"({"title":"x"})",
                                           .headers = {ann_}});
            cr_expect_eq(task.status, 201, "%s%s", task.body.c_str(), task.failure.c_str());
            std::this_thread::sleep_for(10ms);  // without a pause it would take both CPUs
        }
    }

    const Stack& stack_;
    std::string ann_;
    std::atomic<bool> is_over_ = false;
    std::thread thread_;
};

// Drops all connections: at the proxy in odd turns, and by killing the endpoints in even ones.
void drop(const Stack& stack, Proxy& proxy, int turn) {
    if (turn % 2 == 1) return proxy.cut();
    for (const char* name : {"events_tail", "ws"}) {
        const auto processes = stack.processes(name);
        cr_assert(!processes.empty());
        for (const pid_t pid : processes) kill(pid, SIGKILL);
    }
}

// Returns all visible events, read page by page.
Ids all_events(const Stack& stack, const std::vector<std::string>& headers) {
    Ids ids;
    std::string after = "0";
    for (std::size_t count = 100; count == 100;) {
        const auto page =
            stack.send({.path = "/events?limit=100&after=" + after, .headers = headers});
        cr_assert_eq(page.status, 200, "%s", page.body.c_str());
        const auto document = json::parse(page.body);
        count = document["events"].Size();
        for (const auto& event : document["events"].GetArray())
            ids.emplace_back(json::text_of(event["id"]));
        after = json::text_of(document["next_cursor"]);
    }
    return ids;
}

void expect_same(const Ids& got, const Ids& expected) {
    cr_expect_gt(expected.size(), (drops + 1) * between_drops);
    cr_expect_eq(got.size(), expected.size(), "%zu events instead of %zu", got.size(),
                 expected.size());
    for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i)
        cr_assert(got[i] == expected[i], "event %zu is %s instead of %s", i, got[i].c_str(),
                  expected[i].c_str());
}

// Runs tests/event_source/follow.mjs and returns its output.
class Follower {
public:
    explicit Follower(const std::string& url)
        : output_(popen(("exec node tests/event_source/follow.mjs '" + url +
                         "' note.test task.created note.end")
                            .c_str(),
                        "r"),
                  &pclose) {
        cr_assert_not_null(output_.get());
    }

    // Returns the next line, or an empty text at the end.
    std::string line() {
        std::array<char, 256> text{};
        return fgets(text.data(), text.size(), output_.get()) ? text.data() : "";
    }

    int end() { return pclose(output_.release()); }

private:
    std::unique_ptr<FILE, decltype(&pclose)> output_;
};

void follow_with_npm(Engine engine) {
    const Stack stack{engine, {{"PRESTART", "on"}}};
    Proxy proxy{static_cast<unsigned short>(stack.port())};
    Writer writer{stack};
    Follower follower{"http://127.0.0.1:" + std::to_string(proxy.port()) + "/events/tail?after=0"};
    Ids ids;
    int connections = 0;
    std::size_t since = 0;
    for (std::string line; !(line = follower.line()).empty();) {
        cr_assert(!line.starts_with(R"({"failed")"), "it gives up: %s", line.c_str());
        if (line.starts_with(R"({"opened")")) {
            ++connections;
            since = 0;
            continue;
        }
        ids.push_back(json_member(line, "id"));
        if (++since != between_drops) continue;
        if (connections <= drops)
            drop(stack, proxy, connections - 1);
        else
            writer.end();
    }
    cr_expect_eq(follower.end(), 0, "no client: `npm ci` in tests/event_source?");
    cr_expect_eq(connections, drops + 1);
    expect_same(ids, all_events(stack, {}));
}

// The script runs in a minimal page with the Content-Security-Policy of /docs, which must be
// sufficient.
constexpr const char* follow_in_page = R"(
    const ticket = "TICKET";
    window.bySource = {seen: [], opened: 0, since: 0, isOver: false};
    window.bySocket = {seen: [], opened: 0, since: 0, isOver: false};
    const begin = (reader) => { ++reader.opened; reader.since = 0; };
    const keep = (reader, type, id) => {
        reader.seen.push(id);
        ++reader.since;
        reader.isOver = type === "note.end";
    };

    const source = new EventSource("/events/tail?after=0&ticket=" + ticket);
    source.onopen = () => begin(bySource);
    for (const type of ["note.test", "task.created", "note.end"])
        source.addEventListener(type, ({ lastEventId }) => {
            keep(bySource, type, lastEventId);
            if (bySource.isOver) source.close();
        });

    const follow = () => {
        const last = bySocket.seen.at(-1) ?? "0";
        const socket = new WebSocket(
            "ws://" + location.host + "/ws?after=" + last + "&ticket=" + ticket);
        socket.onmessage = ({ data }) => {
            const message = JSON.parse(data);
            if (message.type === "connection") return begin(bySocket);
            keep(bySocket, message.event.type, message.event.id);
            if (bySocket.isOver) socket.close();
        };
        socket.onclose = () => { if (!bySocket.isOver) setTimeout(follow, 100); };
    };
    follow();
)";

Ids seen_by(Browser& browser, const std::string& reader) {
    Ids ids;
    const auto seen = json::parse(browser.run("return " + reader + ".seen"));
    for (const auto& id : seen.GetArray()) ids.emplace_back(json::text_of(id));
    return ids;
}

void follow_in_browser(Engine engine) {
    const Stack stack{engine};
    Proxy proxy{static_cast<unsigned short>(stack.port())};
    const auto ann = stack.authorization_of("ann");
    Browser browser;
    browser.open("http://127.0.0.1:" + std::to_string(proxy.port()) + "/docs/initializer.js");
    Writer writer{stack};
    const auto ticket = json_member(
        stack.send({.method = "POST", .path = "/events/ticket", .headers = {ann}}).body, "ticket");
    std::string script = follow_in_page;
    script.replace(script.find("TICKET"), 6, ticket);
    browser.run(script);
    for (int turn = 0; turn <= drops; ++turn) {
        browser.wait_for("[bySource, bySocket].every(({ opened, since }) => opened === " +
                         std::to_string(turn + 1) +
                         " && since >= " + std::to_string(between_drops) + ")");
        if (turn < drops) drop(stack, proxy, turn);
    }
    writer.end();
    browser.wait_for("bySource.isOver && bySocket.isOver");
    const auto expected = all_events(stack, {ann});
    for (const char* reader : {"bySource", "bySocket"}) {
        expect_same(seen_by(browser, reader), expected);
        cr_expect(browser.run("return " + std::string{reader} + ".opened") ==
                  std::to_string(drops + 1));
    }
}

}  // namespace

Test(event_source, of_npm_gets_every_event_once_on_sqlite, .timeout = 100) {
    follow_with_npm(Engine::sqlite);
}
Test(event_source, of_npm_gets_every_event_once_on_postgres, .timeout = 100) {
    follow_with_npm(Engine::postgres);
}

Test(event_source, and_web_socket_of_a_browser_get_every_event_once_on_sqlite, .timeout = 100) {
    follow_in_browser(Engine::sqlite);
}
Test(event_source, and_web_socket_of_a_browser_get_every_event_once_on_postgres, .timeout = 100) {
    follow_in_browser(Engine::postgres);
}
