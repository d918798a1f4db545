// Each test starts a server process: the limits of WebSockets, and how they are closed.
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "shared/http/request.hpp"
#include "shared/http/response.hpp"
#include "shared/websocket/websocket.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/forked_server.hpp"
#include "tests/support/no_database.hpp"
#include "tests/support/ports.hpp"
#include "tests/support/web_socket.hpp"

using namespace std::chrono_literals;

namespace {

// --- the server

// The number of open streams of each kind.
struct Open {
    int floods = 0;
    int silences = 0;
};

// Counts an open stream during its lifetime.
class Counted {
public:
    explicit Counted(int& count) : count_{count} { ++count_; }
    ~Counted() { --count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

private:
    int& count_;
};

Async<> keep_silent(Open& open, Stream& stream) {
    const Counted counted{open.silences};
    while (!stream.is_over()) co_await stream.wait(Clock::time_point::max());
}

Async<> flood(Open& open, Stream& stream) {
    const Counted counted{open.floods};
    const std::string filler(60'000, 'x');
    for (int i = 0; !stream.is_over(); ++i) {
        const auto line = std::to_string(i) + " " + filler + "\n";
        co_await stream.write(line);
    }
}

Async<> write_one(std::string line, Stream& stream) { co_await stream.write(line); }

Async<> fail(Stream& stream) {
    co_await stream.write("one\n");
    throw std::runtime_error{"a reason for the log"};
}

Async<> follow(std::string what, Open& open, Stream& stream) {
    if (what == "silence") return keep_silent(open, stream);
    if (what == "flood") return flood(open, stream);
    if (what == "failure") return fail(stream);
    const int count = what == "silences" ? open.silences : open.floods;
    return write_one(std::to_string(count) + "\n", stream);
}

Async<Response> answer(const Request& request, Context& context) {
    if (request.parameter("what") == "error") throw std::runtime_error{"a reason for the log"};
    if (request.parameter("what") == "patience") co_await sleep_for(500ms);
    auto& open = context.state.get<Open>();
    co_return Response::stream(
        "text/plain", [what = std::string{request.parameter("what")}, &open](Stream& stream) {
            return follow(what, open, stream);
        });
}

const Endpoint& served() {
    static const Endpoint declared{
        .path = "/{what}",
        .operations = {
            {.method = Method::get, .handler = answer, .summary = "", .answer = websocket()}}};
    return declared;
}

void serve(int listener, const WebSocketLimits& limits) {
    Loop loop{1};
    ContextWithoutDatabase without;
    serve_websocket(listener, loop, served(), answer, without.context, limits);
}

ForkedServer start(const WebSocketLimits& limits = {}) {
    return ForkedServer{[limits](int listener) { serve(listener, limits); }};
}

// --- the clients

// Returns how many streams the server has open.
std::string floods_of(const ForkedServer& server) {
    return WebSocketClient{server.port(), "/floods"}.next();
}
std::string silences_of(const ForkedServer& server) {
    return WebSocketClient{server.port(), "/silences"}.next();
}

void expect_ping(WebSocketClient& socket) {
    const auto frame = socket.next_frame();
    cr_assert(frame.has_value(), "nothing comes");
    cr_assert_eq(frame->opcode, WebSocketClient::ping);
}

void expect_numbers(WebSocketClient& socket, int count) {
    for (int i = 0; i < count; ++i) {
        const auto message = socket.next();
        EXPECT_TEXT(message.substr(0, message.find(' ')), std::to_string(i));
    }
}

}  // namespace

// --- silence

Test(websocket, drops_who_stays_silent_after_a_ping) {
    const auto server = start({.silence = 400ms});
    const auto before = Clock::now();
    WebSocketClient socket{server.port(), "/silence"};
    expect_ping(socket);
    cr_expect_geq((Clock::now() - before) / 1ms, 200);
    cr_expect_eq(socket.close_code(), 1006);
    cr_expect_geq((Clock::now() - before) / 1ms, 400);
}

Test(websocket, keeps_who_answers_pings) {
    const auto server = start({.silence = 2s});
    const auto before = Clock::now();
    WebSocketClient socket{server.port(), "/silence"};
    for (int i = 0; i < 4; ++i) {
        expect_ping(socket);
        socket.send(WebSocketClient::pong, "");
    }
    cr_expect_geq((Clock::now() - before) / 1ms, 4'000);
    socket.send(WebSocketClient::text, "still here");
    EXPECT_TEXT(socket.next(), R"({"data":"still here","type":"message"})");
}

Test(websocket, drops_who_never_asks) {
    const auto server = start({.handshake = 300ms});
    const auto before = Clock::now();
    const int fd = connect_to(server.port());
    const timeval patience{10, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char byte = 0;
    cr_expect_eq(recv(fd, &byte, 1, 0), 0);
    cr_expect_geq((Clock::now() - before) / 1ms, 300);
    close(fd);
}

// The limit applies to the request, which the peer has sent in time.
Test(websocket, opens_however_long_the_handler_takes) {
    const auto server = start({.handshake = 300ms});
    EXPECT_TEXT(WebSocketClient(server.port(), "/patience").next(), "0");
}

Test(websocket, drops_who_does_not_answer_a_close) {
    const auto server = start({.handshake = 300ms});
    const auto before = Clock::now();
    WebSocketClient socket{server.port(), "/floods"};
    EXPECT_TEXT(socket.next(), "0");
    const auto frame = socket.next_frame();
    cr_assert(frame.has_value() && frame->opcode == WebSocketClient::closing);
    cr_expect_eq(socket.close_code(), 1006);
    cr_expect_geq((Clock::now() - before) / 1ms, 300);
}

// --- slow readers

Test(websocket, drops_who_does_not_read) {
    const auto server = start({.write = 400ms});
    const auto before = Clock::now();
    WebSocketClient slow{server.port(), "/flood"};
    WebSocketClient quick{server.port(), "/silence"};
    wait_until("it is dropped", [&] { return floods_of(server) == "0"; });
    cr_expect_geq((Clock::now() - before) / 1ms, 400);
    cr_expect_eq(slow.close_code(), 1006);
    quick.send(WebSocketClient::text, "still here");
    EXPECT_TEXT(quick.next(), R"({"data":"still here","type":"message"})");
}

// This is much more than the kernel buffers.
Test(websocket, holds_nobody_up_for_who_does_not_read) {
    const auto server = start();
    WebSocketClient slow{server.port(), "/flood"};
    WebSocketClient quick{server.port(), "/flood"};
    expect_numbers(quick, 400);
    EXPECT_TEXT(floods_of(server), "2");
    expect_numbers(slow, 400);
}

// The answers are six times as long as the messages, and exceed what the kernel buffers.
Test(websocket, forgets_who_goes_without_reading_the_answers) {
    const auto server = start();
    {
        WebSocketClient socket{server.port(), "/silence"};
        wait_until("it is open", [&] { return silences_of(server) == "1"; });
        for (int i = 0; i < 30; ++i)
            socket.send(WebSocketClient::text, std::string(60'000, '\x01'));
    }
    wait_until("it is forgotten", [&] { return silences_of(server) == "0"; });
}

// The server does not use up the 8 s that it has for stopping.
Test(websocket, a_stop_does_not_wait_for_who_does_not_read) {
    std::optional<WebSocketClient> slow;
    auto before = Clock::now();
    {
        const auto server = start();
        slow.emplace(server.port(), "/flood");
        wait_until("it is open", [&] { return floods_of(server) == "1"; });
        before = Clock::now();
    }
    cr_expect_lt((Clock::now() - before) / 1ms, 7'500);
}

// --- failures

Test(websocket, closes_with_1011_after_a_failure) {
    const auto server = start();
    WebSocketClient late{server.port(), "/failure"};
    EXPECT_TEXT(late.next(), "one");
    cr_expect_eq(late.close_code(), 1011);
    WebSocketClient early{server.port(), "/error"};
    cr_expect(early.head().starts_with("HTTP/1.1 101 "), "%s", early.head().c_str());
    cr_expect_eq(early.close_code(), 1011);
}
