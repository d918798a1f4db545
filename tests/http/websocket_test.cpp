// The feed over a WebSocket and through nginx: who receives what, and how it ends.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <memory>
#include <thread>

#include "tests/support/proxy.hpp"
#include "tests/support/signer.hpp"
#include "tests/support/stack/stack.hpp"
#include "tests/support/web_socket.hpp"

namespace {

using namespace std::chrono_literals;

constexpr const char* worker_key = "0123456789abcdef";

bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

// Returns a WebSocket that has received its first message.
WebSocketClient connected(const Stack& stack, const std::string& target = "/ws",
                          std::vector<std::string> headers = {}) {
    if (headers.empty() && !holds(target, "ticket="))
        headers.push_back(stack.authorization_of("ann"));
    WebSocketClient socket{stack.port(), target, headers};
    cr_assert(socket.head().starts_with("HTTP/1.1 101 "), "%s", socket.head().c_str());
    const auto first = socket.next();
    EXPECT_TEXT(json_member(first, "type"), "connection");
    EXPECT_TEXT(json_member(first, "status"), "connected");
    return socket;
}

std::string next_subject(WebSocketClient& socket) {
    const auto message = socket.next();
    return message == "<nothing>" ? message : json_member(message, "event.subject");
}

Reply note(const Stack& stack, const std::string& name, const std::string& details = "null") {
    return stack.send(
        {.method = "POST",
         .path = "/events",
         .body = R"({"event":"test","target":")" + name + R"(","details":)" + details + "}",
         .headers = {stack.authorization_of("ann")}});
}

std::string ticket_of(const Stack& stack, const std::string& user) {
    const auto reply = stack.send(
        {.method = "POST", .path = "/events/ticket", .headers = {stack.authorization_of(user)}});
    return json_member(reply.body, "ticket");
}

int refusal_of(const Stack& stack, const std::string& target,
               const std::vector<std::string>& headers = {}) {
    WebSocketClient socket{stack.port(), target, headers};
    cr_expect(socket.head().starts_with("HTTP/1.1 101 "), "%s", socket.head().c_str());
    return socket.close_code();
}

void passes_on(Engine engine) {
    const Stack stack{engine};
    const auto ann = stack.authorization_of("ann");
    WebSocketClient live{stack.port(), "/ws", {ann, "X-Request-ID: mine"}};
    cr_expect(live.head().starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "%s",
              live.head().c_str());
    cr_expect(holds(live.head(), "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    cr_expect(holds(live.head(), "X-Request-ID: mine"), "%s", live.head().c_str());
    const auto first = live.next();
    EXPECT_TEXT(json_member(first, "type"), "connection");
    EXPECT_TEXT(json_member(first, "status"), "connected");
    EXPECT_TEXT(json_member(first, "user"), "ann");
    cr_expect(Timestamp::parse(json_member(first, "timestamp")).has_value(), "%s", first.c_str());

    const auto path = stack.create_task("first");
    const auto message = live.next();
    EXPECT_TEXT(json_member(message, "type"), "event");
    EXPECT_TEXT(json_member(message, "event.type"), "task.created");
    EXPECT_TEXT(json_member(message, "event.subject"), path);
    const auto page = stack.send({.path = "/events?after=0", .headers = {ann}});
    cr_expect(holds(page.body, message.substr(9, message.size() - 9 - 16)), "%s is not in %s",
              message.c_str(), page.body.c_str());

    // Starts at the beginning, and where another reader stopped.
    auto all = connected(stack, "/ws?after=0");
    EXPECT_TEXT(next_subject(all), path);
    const auto second = stack.create_task("second");
    EXPECT_TEXT(next_subject(all), second);
    EXPECT_TEXT(next_subject(live), second);
    auto resumed = connected(stack, "/ws?after=" + json_member(message, "event.id"));
    EXPECT_TEXT(next_subject(resumed), second);
    auto lost = connected(stack, "/ws?after=99999999-1");
    EXPECT_TEXT(json_member(lost.next(), "type"), "reset");
    const auto third = stack.create_task("third");
    EXPECT_TEXT(next_subject(lost), third);
}

}  // namespace

Test(websocket, events_are_passed_on_on_sqlite, .timeout = 60) { passes_on(Engine::sqlite); }
Test(websocket, events_are_passed_on_on_postgres, .timeout = 60) { passes_on(Engine::postgres); }

Test(websocket, events_reach_their_audience_alone, .timeout = 60) {
    const Stack stack{Engine::postgres, {{"API_KEYS", worker_key}}};
    const auto ann = stack.authorization_of("ann");
    const auto key = std::string{"X-API-Key: "} + worker_key;
    const auto ticket = ticket_of(stack, "ann");
    auto anns = connected(stack);
    auto with_ticket = connected(stack, "/ws?ticket=" + ticket);
    auto bobs = connected(stack, "/ws", {stack.authorization_of("bob")});
    WebSocketClient worker{stack.port(), "/ws", {key}};
    EXPECT_TEXT(json_member(worker.next(), "user"), "<null>");
    cr_assert_eq(stack
                     .send({.method = "POST",
                            .path = "/api/tasks",
                            .body = R"({"title":"secret"})",
                            .headers = {ann}})
                     .status,
                 201);
    cr_assert_eq(stack
                     .send({.method = "POST",
                            .path = "/jobs",
                            .body = R"({"title":"work"})",
                            .headers = {key}})
                     .status,
                 200);
    for (int i = 0; i < 20; ++i) cr_assert_eq(note(stack, std::to_string(i)).status, 200);

    for (auto* const own : {&anns, &with_ticket})
        EXPECT_TEXT(json_member(own->next(), "event.audience"), "user:ann");
    EXPECT_TEXT(json_member(worker.next(), "event.type"), "job.created");
    for (auto* const socket : {&anns, &with_ticket, &bobs, &worker})
        for (int i = 0; i < 20; ++i) EXPECT_TEXT(next_subject(*socket), std::to_string(i));
    wait_until("the ticket's request is logged", [&] {
        bobs.send(WebSocketClient::closing, "\x03\xe8");
        anns.send(WebSocketClient::closing, "\x03\xe8");
        with_ticket.send(WebSocketClient::closing, "\x03\xe8");
        return holds(stack.log(), R"("status":101,)");
    });
    cr_expect(!holds(stack.log(), ticket));
}

Test(websocket, texts_are_answered, .timeout = 60) {
    const Stack stack{Engine::sqlite};
    auto socket = connected(stack);
    socket.send(WebSocketClient::text, "hello \"you\"\n\xc3\xbc");
    EXPECT_TEXT(socket.next(), "{\"data\":\"hello \\\"you\\\"\\n\xc3\xbc\",\"type\":\"message\"}");
    socket.send(WebSocketClient::text, "");
    EXPECT_TEXT(socket.next(), R"({"data":"","type":"message"})");
    const std::string longest(65'536, 'x');
    socket.send(WebSocketClient::text, longest);
    EXPECT_TEXT(socket.next(), R"({"data":")" + longest + R"(","type":"message"})");
    socket.send(WebSocketClient::ping, "are you there");
    const auto pong = socket.next_frame();
    cr_assert(pong.has_value());
    cr_expect_eq(pong->opcode, WebSocketClient::pong);
    EXPECT_TEXT(pong->data, "are you there");
    // They may arrive in any order with events. None is lost when both wait for the reader.
    const std::string filler(60'000, 'x');
    std::thread sender{[&] {
        for (int i = 0; i < 30; ++i)
            socket.send(WebSocketClient::text, std::to_string(i) + " " + filler);
    }};
    for (int i = 0; i < 30; ++i) note(stack, std::to_string(i));
    int events = 0;
    int answers = 0;
    while (events + answers < 60) {
        const auto message = socket.next();
        cr_assert(message != "<nothing>", "after %d events, %d answers", events, answers);
        if (json_member(message, "type") == "event")
            EXPECT_TEXT(json_member(message, "event.subject"), std::to_string(events++));
        else
            EXPECT_TEXT(json_member(message, "data"), std::to_string(answers++) + " " + filler);
    }
    sender.join();
    socket.send(WebSocketClient::closing, "\x03\xe8");
    cr_expect_eq(socket.close_code(), 1000);
}

Test(websocket, what_cannot_be_answered_is_closed, .timeout = 60) {
    const Stack stack{Engine::sqlite};
    auto too_long = connected(stack);
    too_long.send(WebSocketClient::text, std::string(65'537, 'x'));
    cr_expect_eq(too_long.close_code(), 1009);
    auto no_text = connected(stack);
    no_text.send(WebSocketClient::binary, "x");
    cr_expect_eq(no_text.close_code(), 1003);
    auto no_utf8 = connected(stack);
    no_utf8.send(WebSocketClient::text, "\xff");
    cr_expect_eq(no_utf8.close_code(), 1007);
    auto next = connected(stack);
    cr_assert_eq(note(stack, "next").status, 200);
    EXPECT_TEXT(next_subject(next), "next");
}

Test(websocket, nobody_listens_without_a_proof, .timeout = 60) {
    const Stack stack{Engine::sqlite, {{"CORS_ORIGINS", "https://app.example.org"}}};
    const auto ann = stack.authorization_of("ann");
    cr_expect_eq(refusal_of(stack, "/ws"), 1008);
    cr_expect_eq(refusal_of(stack, "/ws", {"Authorization: Bearer x"}), 1008);
    cr_expect_eq(refusal_of(stack, "/ws", {ann + "x"}), 1008);
    cr_expect_eq(refusal_of(stack, "/ws", {"X-API-Key: 0123456789abcdef"}), 1008);
    cr_expect_eq(refusal_of(stack, "/ws?ticket=x"), 1008);
    cr_expect_eq(refusal_of(stack, "/ws?ticket=" + ann.substr(22)), 1008);
    const auto ticket = ticket_of(stack, "ann");
    cr_expect_eq(refusal_of(stack, "/ws?ticket=" + ticket + "x"), 1008);
    cr_expect_eq(refusal_of(stack, "/ws?ticket=" + ticket + "&ticket=" + ticket), 1008);
    // A page of another site is refused as well.
    for (const char* origin :
         {"https://evil.example.org", "null", "http://localhost.evil.example.org",
          "https://app.example.org.evil.example.org"})
        cr_expect_eq(refusal_of(stack, "/ws", {ann, std::string{"Origin: "} + origin}), 1008, "%s",
                     origin);
    for (const char* origin : {"https://app.example.org", "http://localhost", "https://LOCALHOST"})
        connected(stack, "/ws?ticket=" + ticket, {std::string{"Origin: "} + origin});
    cr_expect(!holds(stack.log(), ticket));
}

// The connection stays open as long as the token itself would be accepted.
Test(websocket, ends_with_the_token, .timeout = 60) {
    const Stack stack{Engine::sqlite};
    cr_assert_eq(stack.command({"token", "--user", "ann"}).status, 0);
    const auto expires_at = std::time(nullptr) - 20;
    const auto token = hmac_token(R"({"alg":"HS256"})",
                                  R"({"iss":"steelthread","aud":"steelthread","sub":"ann","exp":)" +
                                      std::to_string(expires_at) + "}",
                                  stack.variables().at("JWT_SECRET"));
    auto socket = connected(stack, "/ws", {"Authorization: Bearer " + token});
    cr_assert_eq(note(stack, "one").status, 200);
    EXPECT_TEXT(next_subject(socket), "one");
    cr_expect_eq(socket.close_code(), 1008);
    // std::time() may be one tick behind.
    const auto now = std::chrono::system_clock::now();
    cr_expect_geq(std::chrono::system_clock::to_time_t(now), expires_at + 30);
}

// --- failures

Test(websocket, hostile_handshakes_are_refused, .timeout = 60) {
    const Stack stack{Engine::sqlite};
    const auto ann = stack.authorization_of("ann");
    expect_error(stack.send({.path = "/ws"}), Error::bad_request);
    const auto before = stack.processes("ws");
    cr_assert_eq(before.size(), 1);
    expect_error(stack.send({.path = "/ws", .headers = {"Authorization: Bearer x"}}),
                 Error::invalid_token);
    expect_error(stack.send({.method = "POST", .path = "/ws", .body = "{}"}),
                 Error::method_not_allowed);
    cr_expect_eq(stack.send({.method = "OPTIONS", .path = "/ws"}).status, 204);

    const std::string line = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n" + ann;
    const std::string upgrade = "\r\nUpgrade: websocket";
    const std::string key = "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    const std::string version = "\r\nSec-WebSocket-Version: 13";
    const std::string end = "\r\n\r\n";
    for (const auto& request :
         {line + upgrade + version + end, line + upgrade + key + end,
          line + upgrade + key + "\r\nSec-WebSocket-Version: 8" + end,
          line + upgrade + version + "\r\nSec-WebSocket-Key: " + std::string(4'000, 'x') + end,
          line + "\r\nUpgrade: h2c" + key + version + end,
          line + upgrade + key + version + "\r\nX: " + std::string(100'000, 'x') + end}) {
        // Otherwise nginx would keep the connection.
        auto sent = request;
        sent.insert(sent.find("Upgrade"), "close, ");
        const int fd = connect_to(stack.port());
        cr_assert_geq(fd, 0);
        const timeval patience{10, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::send(fd, sent.data(), sent.size(), MSG_NOSIGNAL);
        char answer[16] = {};
        recv(fd, answer, sizeof answer - 1, 0);
        cr_expect(std::string_view{answer}.starts_with("HTTP/1.1 4"), "%s to %.300s", answer,
                  request.c_str());
        close(fd);
    }

    // These bypass nginx.
    const auto answer_to = [&](const std::string& bytes) {
        const int fd = connect_to_socket(stack.run_dir() + "/sockets/ws.sock");
        cr_assert_geq(fd, 0);
        ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        const timeval patience{10, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        char answer[4096] = {};
        const auto count = recv(fd, answer, sizeof answer - 1, 0);
        cr_expect(count >= 0 || errno == ECONNRESET, "not closed: %.100s", bytes.c_str());
        close(fd);
        return std::string{answer};
    };
    EXPECT_TEXT(answer_to("\x01\x02\x03\x04garbage\r\n\r\n"), "");
    EXPECT_TEXT(answer_to(line + upgrade), "");
    EXPECT_TEXT(answer_to("GET /ws HTTP/1.1\r\nX: " + std::string(200'000, 'x') + end), "");
    cr_expect(answer_to("GET /ws HTTP/9.9" + end).empty());
    cr_expect(answer_to("GET /other HTTP/1.1\r\nHost: x" + end).starts_with("HTTP/1.1 404 "));

    cr_expect(stack.processes("ws") == before, "it has died");
    connected(stack);
}

Test(websocket, hears_when_the_service_stops, .timeout = 60) {
    Stack stack{Engine::sqlite, {{"MAX_STREAMS_PER_USER", "off"}}};
    std::vector<WebSocketClient> sockets;
    for (int i = 0; i < 50; ++i) sockets.push_back(connected(stack));
    std::vector<std::thread> readers;
    for (auto& socket : sockets)
        readers.emplace_back([&] { cr_expect_eq(socket.close_code(), 1001); });
    cr_expect_eq(stack.stop(), 0);
    for (auto& reader : readers) reader.join();
}

Test(websocket, hears_when_its_process_is_replaced, .timeout = 60) {
    const Stack stack{Engine::sqlite};
    auto socket = connected(stack);
    for (const pid_t pid : stack.processes("ws")) kill(pid, SIGTERM);
    cr_expect_eq(socket.close_code(), 1001);
    connected(stack);
}

Test(websocket, events_are_read_on_after_a_kill, .timeout = 60) {
    const Stack stack{Engine::sqlite};
    auto socket = connected(stack);
    cr_assert_eq(note(stack, "one").status, 200);
    const auto last = socket.next();
    EXPECT_TEXT(json_member(last, "event.subject"), "one");
    for (const pid_t pid : stack.processes("ws")) kill(pid, SIGKILL);
    cr_expect_eq(socket.close_code(), 1006);
    for (const char* name : {"two", "three"}) cr_assert_eq(note(stack, name).status, 200);
    auto again = connected(stack, "/ws?after=" + json_member(last, "event.id"));
    for (const char* name : {"two", "three"}) EXPECT_TEXT(next_subject(again), name);
}

// A WebSocket that was open before stays open and misses nothing.
Test(websocket, nobody_new_is_served_while_the_database_is_away, .timeout = 60) {
    const TestDatabase database{Engine::postgres};
    Proxy proxy{port_of(database.url())};
    const Stack stack{with_port(database.url(), proxy.port())};
    const auto ann = stack.authorization_of("ann");
    auto socket = connected(stack);
    cr_assert_eq(note(stack, "before").status, 200);
    EXPECT_TEXT(next_subject(socket), "before");
    proxy.go_away();
    wait_until("the feed cannot be read",
               [&] { return holds(stack.log(), "could not read events"); });
    cr_expect_eq(refusal_of(stack, "/ws", {ann}), 1011);
    cr_expect_eq(refusal_of(stack, "/ws"), 1008);
    socket.send(WebSocketClient::text, "hello");
    EXPECT_TEXT(socket.next(), R"({"data":"hello","type":"message"})");
    database.execute(
        "INSERT INTO events (type, audience, subject, data) VALUES ('t', 'public', 'while', '1')");
    proxy.come_back();
    EXPECT_TEXT(next_subject(socket), "while");
    wait_until("a note is taken", [&] { return note(stack, "after").status == 200; });
    EXPECT_TEXT(next_subject(socket), "after");
    connected(stack);
}

// A slow reader delays nobody and loses nothing, whether or not it was disconnected.
Test(websocket, a_slow_reader_holds_nobody_up, .timeout = 100) {
    const Stack stack{Engine::postgres};
    std::unique_ptr<WebSocketClient> slow{new WebSocketClient(connected(stack))};
    auto quick = connected(stack);
    const auto details = '"' + std::string(16'000, 'x') + '"';
    for (int begin = 0; begin < 400; begin += 20) {
        for (int i = begin; i < begin + 20; ++i) note(stack, std::to_string(i), details);
        for (int i = begin; i < begin + 20; ++i)
            EXPECT_TEXT(next_subject(quick), std::to_string(i));
    }
    std::string last;
    for (int i = 0; i < 400; ++i) {
        auto frame = slow->next_frame();
        if (!frame && !last.empty()) {
            slow.reset(new WebSocketClient(
                connected(stack, "/ws?after=" + json_member(last, "event.id"))));
            frame = slow->next_frame();
        }
        cr_assert(frame.has_value());
        cr_assert_eq(frame->opcode, WebSocketClient::text);
        last = frame->data;
        EXPECT_TEXT(json_member(last, "event.subject"), std::to_string(i));
    }
}
