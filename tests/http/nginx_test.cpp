// What nginx answers itself, what it passes to the handlers, and what it hides from clients.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "shared/http/error_body.hpp"
#include "tests/support/stack/event_stream.hpp"
#include "tests/support/stack/openapi.hpp"
#include "tests/support/stack/stack.hpp"
#include "tests/support/web_socket.hpp"

namespace {

namespace fs = std::filesystem;

constexpr const char* problem_json = "Accept: text/html, application/problem+json;q=0.9";
constexpr const char* allowed_origin = "http://localhost:3001";

// A path prefix and a header, and the shape of errors that follows from them.
struct Surface {
    const char* prefix;
    const char* accept;
    ErrorShape shape;
};
constexpr Surface surfaces[] = {
    {"/", "Accept: */*", ErrorShape::plain},
    {"/api/", "Accept: application/json", ErrorShape::enveloped},
    {"/", problem_json, ErrorShape::problem},
    {"/api/", problem_json, ErrorShape::problem},
};

// Returns a request with a Host header that asks nginx to close the connection.
std::string request(const std::string& line, const std::string& headers = "",
                    const std::string& body = "") {
    return line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + "\r\n" + body;
}

Reply send_raw(const Stack& stack, const std::string& bytes) {
    return parse_reply(stack.send_raw(bytes));
}

// The answers at / vary by Accept, too.
void expect_to_vary_by_origin(const Reply& reply) {
    const auto vary = reply.header("vary");
    cr_expect(vary == "Origin" || vary == "Accept, Origin", "Vary: %s", vary.c_str());
}

void expect_security_headers(const Reply& reply) {
    cr_expect(reply.failure.empty(), "%s", reply.failure.c_str());
    EXPECT_TEXT(reply.header("x-content-type-options"), "nosniff");
    EXPECT_TEXT(reply.header("referrer-policy"), "no-referrer");
    expect_to_vary_by_origin(reply);
    cr_expect(!reply.header("x-request-id").empty(), "no request id");
    EXPECT_TEXT(reply.header("server"), "nginx");
    EXPECT_TEXT(reply.header("content-encoding"), "");
}

// Fails the test unless the reply is this error, byte for byte.
void expect_shaped(const Reply& reply, Error error, ErrorShape shape) {
    const auto& row = entry(error);
    cr_expect(reply.status == row.status, "%ld instead of %d: %s%s", reply.status, row.status,
              reply.body.c_str(), reply.failure.c_str());
    expect_security_headers(reply);
    EXPECT_TEXT(reply.body, error_body(shape, ApiError{error}, reply.header("x-request-id")));
    EXPECT_TEXT(reply.header("content-type"), std::string{media_type(shape)});
    EXPECT_TEXT(reply.header("cache-control"), "no-store");
    const bool is_temporary = row.status == 503 || row.status == 429;
    EXPECT_TEXT(reply.header("retry-after"), is_temporary ? "1" : "");
}

pid_t worker_of(const Stack& stack) {
    const auto all = stack.descendants();
    return all.empty() ? 0 : all.back();
}

// Changes nginx's configuration in this run, and waits for the worker that uses it.
void reconfigure(const Stack& stack, const std::string& from, const std::string& to,
                 const std::string& file = "server.conf") {
    const auto path = stack.run_dir() + "/" + file;
    auto text = read_text(path);
    const auto at = text.find(from);
    cr_assert(at != std::string::npos, "%s holds no %s", file.c_str(), from.c_str());
    std::ofstream{path} << text.replace(at, from.size(), to);
    const auto before = worker_of(stack);
    kill(stack.processes("nginx").at(0), SIGHUP);
    wait_until("nginx has another worker", [&] {
        const auto all = stack.descendants();
        return std::find(all.begin(), all.end(), before) == all.end() && worker_of(stack) != before;
    });
}

sockaddr_un unix_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    cr_assert_lt(path.size(), sizeof address.sun_path, "%s is too long", path.c_str());
    path.copy(address.sun_path, path.size());
    return address;
}

// Returns how many connections an address without accept() takes before it refuses more.
template <class Address>
int fill_queue(const Address& address) {
    std::vector<int> waiting;
    for (bool is_open = true; is_open;) {
        const auto& generic = reinterpret_cast<const sockaddr&>(address);
        const int fd = socket(generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        cr_assert_geq(fd, 0, "no descriptor after %zu", waiting.size());
        const int status = connect(fd, &generic, sizeof address);
        pollfd connected{fd, POLLOUT, 0};
        is_open = status == 0 || (errno == EINPROGRESS && poll(&connected, 1, 500) == 1);
        waiting.push_back(fd);
    }
    for (const int fd : waiting) close(fd);
    return static_cast<int>(waiting.size()) - 1;
}

// A Unix socket in place of a handler's.
class Listener {
public:
    explicit Listener(const std::string& path)
        : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const auto address = unix_address(path);
        const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
        cr_assert_eq(bind(fd_, generic, sizeof address), 0, "%s", path.c_str());
        cr_assert_eq(listen(fd_, 1), 0);
    }
    ~Listener() { close(fd_); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // Returns the first bytes of the first client and closes its connection.
    std::string first_bytes() const {
        pollfd waiting{fd_, POLLIN, 0};
        cr_assert_eq(poll(&waiting, 1, 20'000), 1, "nobody connects");
        const int client = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
        std::string bytes(65'536, '\0');
        const auto size = recv(client, bytes.data(), bytes.size(), 0);
        close(client);
        return bytes.substr(0, size < 0 ? 0 : static_cast<std::size_t>(size));
    }

private:
    int fd_;
};

void signal_all(const Stack& stack, const std::string& name, int number) {
    for (const pid_t pid : stack.processes(name)) kill(pid, number);
}

}  // namespace

Test(nginx, errors_of_its_own_come_in_the_shape_of_the_surface) {
    const Stack stack{Engine::sqlite};
    for (const auto& [prefix, accept, shape] : surfaces) {
        const auto path = std::string{prefix} + "nothing/here";
        const auto lines = std::string{accept} + "\r\n";
        expect_shaped(stack.send({.path = path, .headers = {accept}}), Error::not_found, shape);
        expect_shaped(send_raw(stack, request("TRACE " + path, lines)), Error::method_not_allowed,
                      shape);
        expect_shaped(send_raw(stack, "GET " + path + " HTTP/1.1\r\n" + lines + "\r\n"),
                      Error::bad_request, shape);
        expect_shaped(send_raw(stack, request("GET " + path, lines + "Content-Length: x\r\n")),
                      Error::bad_request, shape);
        const std::string headers = lines + "X-Long: " + std::string(17'000, 'x') + "\r\n";
        expect_shaped(send_raw(stack, request("GET " + path, headers)), Error::headers_too_large,
                      shape);
        expect_shaped(stack.send({.method = "POST",
                                  .path = path,
                                  .body = std::string(65'537, ' '),
                                  .headers = {accept}}),
                      Error::payload_too_large, shape);
        expect_shaped(stack.send({.path = path, .headers = {accept, "X-Request-ID: my.id_1-2"}}),
                      Error::not_found, shape);
    }
    // nginx has not read any header yet.
    expect_shaped(send_raw(stack, request("GET /api/" + std::string(17'000, 'x'))),
                  Error::uri_too_long, ErrorShape::plain);
}

Test(nginx, malformed_requests_are_refused) {
    const Stack stack{Engine::sqlite};
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    const std::string malformed[] = {
        "GARBAGE\r\n\r\n",
        "get /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n",
        request("GET /healthz%00"),
        request("GET /healthz%zz"),
        request("GET /../healthz"),
        request("GET /healthz", std::string{"X-Odd: a\0b\r\n", 12}),
        request("POST /collab/tasks", "Content-Length: 2\r\n" + chunked, "{}"),
        request("POST /collab/tasks", "Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
        request("POST /collab/tasks", "Content-Length: -1\r\n", "{}"),
        request("POST /collab/tasks", chunked, "zz\r\n{}\r\n0\r\n\r\n"),
    };
    for (const auto& bytes : malformed) {
        const auto reply = send_raw(stack, bytes);
        cr_expect(reply.status == 400, "%s: %ld", shown(bytes).c_str(), reply.status);
        expect_shaped(reply, Error::bad_request, ErrorShape::plain);
    }
    cr_expect_eq(stack.send({.path = "/healthz"}).status, 200);
}

Test(nginx, bodies_hold_64_kib) {
    const Stack stack{Engine::sqlite};
    const auto authorization = stack.authorization();
    const std::string task = R"({"title":"x"})";
    Call call{.method = "POST", .path = "/collab/tasks", .headers = {authorization}};
    call.body = task + std::string(65'536 - task.size(), ' ');
    cr_expect_eq(stack.send(call).status, 200);
    call.body += ' ';
    expect_shaped(stack.send(call), Error::payload_too_large, ErrorShape::plain);

    const auto in_chunks = [&](const std::string& chunks) {
        return send_raw(stack, request("POST /collab/tasks",
                                       authorization + "\r\nContent-Type: application/json\r\n"
                                                       "Transfer-Encoding: chunked\r\n",
                                       chunks + "0\r\n\r\n"));
    };
    const auto created = in_chunks("6\r\n{\"titl\r\n7\r\ne\":\"x\"}\r\n");
    cr_expect_eq(created.status, 200, "%s", created.body.c_str());
    EXPECT_TEXT(json_member(created.body, "title"), "x");
    const auto half = "8000\r\n" + std::string(0x8000, ' ') + "\r\n";
    expect_shaped(in_chunks(half + half + "1\r\nx\r\n"), Error::payload_too_large,
                  ErrorShape::plain);
}

Test(nginx, a_handler_that_is_away_is_503) {
    const Stack stack{Engine::sqlite};
    const auto read_root = [&] { return stack.send({.path = "/"}); };
    // There is no open connection to the endpoint that nginx could use.
    fs::rename(stack.run_dir() + "/sockets/root.sock", stack.run_dir() + "/sockets/away");
    expect_shaped(read_root(), Error::service_unavailable, ErrorShape::plain);
    expect_shaped(stack.send({.path = "/?api", .headers = {"Accept: application/problem+json"}}),
                  Error::service_unavailable, ErrorShape::problem);
    cr_expect_eq(stack.send({.path = "/healthz"}).status, 200, "others suffer");
    fs::rename(stack.run_dir() + "/sockets/away", stack.run_dir() + "/sockets/root.sock");
    cr_expect_eq(read_root().status, 200);

    reconfigure(stack, "fastcgi_read_timeout ", "fastcgi_read_timeout 200ms; # ");
    signal_all(stack, "root", SIGSTOP);
    expect_shaped(read_root(), Error::service_unavailable, ErrorShape::plain);
    cr_expect_eq(stack.send({.path = "/healthz"}).status, 200, "others suffer");
    signal_all(stack, "root", SIGCONT);
    wait_until("it answers again", [&] { return read_root().status == 200; });
}

// Handlers wait up to 0.5 s for the database, and take less than 3 s for everything else.
Test(nginx, waits_a_little_longer_than_handlers_do) {
    const Stack stack{Engine::sqlite,
                      {{"DB_DEADLINE_MS", "250"}, {"DB_CONNECT_TIMEOUT_MS", "250"}}};
    for (int i = 0; i < 2; ++i)  // starts the endpoint, over a kept-alive connection
        cr_assert_eq(stack.send({.path = "/"}).status, 200);
    signal_all(stack, "root", SIGSTOP);
    const auto start = std::chrono::steady_clock::now();
    expect_shaped(stack.send({.path = "/"}), Error::service_unavailable, ErrorShape::plain);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    cr_expect_gt(took.count(), 0.5, "a handler could still have answered");
    cr_expect_lt(took.count(), 6.5, "it was waited for twice");
    signal_all(stack, "root", SIGCONT);
}

Test(nginx, waits_for_the_longest_deadline) {
    const Stack stack{Engine::sqlite,
                      {{"DB_DEADLINE_MS", "60000"}, {"DB_CONNECT_TIMEOUT_MS", "60000"}}};
    const auto milliseconds_after = [&](const std::string& file, const std::string& start) {
        const auto text = read_text(stack.run_dir() + "/" + file);
        const std::string name = "fastcgi_read_timeout ";
        return std::atoi(text.substr(text.find(name, text.find(start)) + name.size()).c_str());
    };
    cr_expect_gt(milliseconds_after("server.conf", "fastcgi_send_timeout"), 120'000);
    cr_expect_gt(milliseconds_after("routes.conf", "location = /auth/login "), 240'000);
}

Test(nginx, livez_needs_nobody) {
    const Stack stack{Engine::sqlite, {{"PRESTART", "on"}}};
    for (const auto& name : all_handlers()) signal_all(stack, name, SIGSTOP);
    const auto reply = stack.send({.path = "/livez"});
    cr_expect_eq(reply.status, 200);
    EXPECT_TEXT(reply.body, R"({"status":"ok"})");
    EXPECT_TEXT(reply.header("content-type"), "application/json");
    expect_security_headers(reply);
    for (const auto& name : all_handlers()) signal_all(stack, name, SIGCONT);
}

Test(nginx, too_many_connections_are_429) {
    const Stack stack{Engine::sqlite};
    cr_assert_eq(stack.send({.path = "/"}).status, 200);  // started
    reconfigure(stack, "limit_conn steelthread_requests ", "limit_conn steelthread_requests 1; # ");
    signal_all(stack, "root", SIGSTOP);
    Reply first;
    std::thread client{[&] {
        do first = stack.send({.path = "/"});
        while (first.status == 429);  // the other request was first
    }};
    Reply refused;
    // Before the first request arrives, this one is accepted.
    wait_until("the limit is met", [&] {
        refused = stack.send({.path = "/healthz"});
        return refused.status == 429;
    });
    expect_shaped(refused, Error::rate_limited, ErrorShape::plain);
    expect_shaped(stack.send({.path = "/healthz", .headers = {problem_json}}), Error::rate_limited,
                  ErrorShape::problem);
    cr_expect_eq(stack.send({.path = "/livez"}).status, 200, "liveness is under the limit, too");
    signal_all(stack, "root", SIGCONT);
    client.join();
    cr_expect_eq(first.status, 200);
}

Test(nginx, streams_leave_room_for_all_others) {
    const Stack stack{Engine::sqlite};
    const auto number_after = [&](const std::string& file, const std::string& name) {
        const auto text = read_text(stack.run_dir() + "/" + file);
        return std::atoi(text.substr(text.find(name) + name.size()).c_str());
    };
    const int connections = number_after("nginx.conf", "worker_connections ");
    cr_expect_eq(connections, most_files, "the soft limit was not raised to the hard one");
    const int streams = number_after("streams.conf", "limit_conn steelthread_all_streams ");
    // Each stream takes two connections.
    cr_expect_gt(streams, connections / 4, "%d of %d", streams, connections);
    cr_expect_leq(2 * streams, connections - connections / 8, "%d of %d", streams, connections);
    cr_expect_lt(number_after("streams.conf", "limit_conn steelthread_streams "), streams,
                 "one network may have all");

    reconfigure(stack, "limit_conn steelthread_all_streams ",
                "limit_conn steelthread_all_streams 2; # ", "streams.conf");
    const EventStream first{stack.port(), "/events/tail"};
    {
        const WebSocketClient second{stack.port(), "/ws", {stack.authorization_of("ann")}};
        cr_expect(second.head().starts_with("HTTP/1.1 101 "), "%s", second.head().c_str());
        expect_shaped(stack.send({.path = "/events/tail"}), Error::rate_limited, ErrorShape::plain);
        const WebSocketClient third{stack.port(), "/ws"};
        cr_expect(third.head().starts_with("HTTP/1.1 429 "), "%s", third.head().c_str());
        cr_expect_eq(stack.send({.path = "/events"}).status, 200, "others suffer");
    }
    wait_until("the place is free", [&] {
        const EventStream next{stack.port(), "/events/tail"};
        return next.head().starts_with("HTTP/1.1 200 ");
    });
}

// A provider's customer may have all addresses of a /48.
Test(nginx, streams_of_a_network_count_together) {
    const Stack stack{Engine::sqlite, {{"TRUSTED_PROXIES", "127.0.0.1"}}};
    reconfigure(stack, "limit_conn steelthread_streams ", "limit_conn steelthread_streams 1; # ",
                "streams.conf");
    std::vector<EventStream> streams;
    const auto status_from = [&](const std::string& address) {
        streams.emplace_back(stack.port(), "/events/tail",
                             std::vector{"X-Forwarded-For: " + address});
        return streams.back().head().substr(9, 3);
    };
    EXPECT_TEXT(status_from("2001:db8:1:2:3:4:5:6"), "200");
    EXPECT_TEXT(status_from("2001:db8:1:2:6:5:4:3"), "429");
    EXPECT_TEXT(status_from("2001:db8:1:3:3:4:5:6"), "429");
    EXPECT_TEXT(status_from("2001:db8:1:ffff::"), "429");
    EXPECT_TEXT(status_from("2001:db8:2:2:3:4:5:6"), "200");
    EXPECT_TEXT(status_from("10.0.0.1"), "200");
    EXPECT_TEXT(status_from("10.0.0.1"), "429");
    EXPECT_TEXT(status_from("::ffff:10.0.0.1"), "429");
    EXPECT_TEXT(status_from("10.0.0.2"), "200");
    EXPECT_TEXT(status_from("::ffff:10.1.0.1"), "200");
    EXPECT_TEXT(status_from("::ffff:10.1.0.1"), "429");
    EXPECT_TEXT(status_from("10.1.0.1"), "429");
    EXPECT_TEXT(status_from("::ffff:10.1.0.2"), "200");
    // 10.1.10.10 ends with line feeds when read as bytes, which must not end the match of a
    // pattern.
    EXPECT_TEXT(status_from("::ffff:10.1.10.10"), "200");
    EXPECT_TEXT(status_from("10.1.10.10"), "429");
    EXPECT_TEXT(status_from("2001:db8:a0a:2::a0a"), "200");
    EXPECT_TEXT(status_from("2001:db8:a0a:3::"), "429");
}

// Opens connections whose request is complete except for the last byte of its body.
static std::vector<int> send_slow_bodies(const Stack& stack, const char* address, int count) {
    const std::string bytes = request(
        "POST /auth/login", "Content-Type: application/json\r\nContent-Length: 3\r\n", "{}");
    sockaddr_in from{};
    from.sin_family = AF_INET;
    cr_assert_eq(inet_pton(AF_INET, address, &from.sin_addr), 1);
    sockaddr_in to = from;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(stack.port()));
    std::vector<int> fds;
    for (int i = 0; i < count; ++i) {
        fds.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const auto* const source = reinterpret_cast<const sockaddr*>(&from);
        const auto* const target = reinterpret_cast<const sockaddr*>(&to);
        cr_assert_eq(bind(fds.back(), source, sizeof from), 0);
        cr_assert_eq(connect(fds.back(), target, sizeof to), 0);
        cr_assert(send_all(fds.back(), bytes));
    }
    return fds;
}

static bool is_answered(int fd, int longest_ms) {
    pollfd answer{fd, POLLIN, 0};
    return poll(&answer, 1, longest_ms) == 1;
}

static int status_at(int fd) {
    char answer[4096];
    const auto size = is_answered(fd, 10'000) ? recv(fd, answer, sizeof answer, 0) : 0;
    return size > 12 ? std::atoi(answer + 9) : 0;
}

// nginx waits five seconds for each further byte of a body.
Test(nginx, slow_bodies_of_one_network_are_limited) {
    const Stack stack{Engine::sqlite};
    reconfigure(stack, "limit_conn steelthread_bodies ", "limit_conn steelthread_bodies 2; # ");
    auto fds = send_slow_bodies(stack, "127.0.0.2", 2);
    for (const int fd : fds) cr_expect(!is_answered(fd, 200), "%d", status_at(fd));
    for (const int fd : send_slow_bodies(stack, "127.0.0.2", 1)) {
        cr_expect_eq(status_at(fd), 429);
        // A refused request does not hold its connection until its body arrives.
        char byte = 0;
        cr_assert(is_answered(fd, 4'000), "it is not closed");
        cr_expect_leq(recv(fd, &byte, 1, 0), 0);
        close(fd);
    }
    for (const int fd : send_slow_bodies(stack, "127.0.0.3", 1)) {
        cr_expect(!is_answered(fd, 200), "another address suffers");
        fds.push_back(fd);
    }
    for (const int fd : fds) {
        cr_expect(send_all(fd, " "));
        cr_expect_eq(status_at(fd), 422, "it would have been answered");
        close(fd);
    }
}

Test(nginx, one_network_has_room_for_its_other_requests) {
    const Stack stack{Engine::sqlite};
    reconfigure(stack, "limit_conn steelthread_bodies ", "limit_conn steelthread_bodies 1; # ");
    const auto fds = send_slow_bodies(stack, "127.0.0.1", 1);
    wait_until("the limit is met", [&] {
        const Call login{.method = "POST", .path = "/auth/login", .body = "{}"};
        return stack.send(login).status == 429;
    });
    cr_expect_eq(stack.send({.path = "/healthz"}).status, 200);
    const Call chunked{.method = "POST",
                       .path = "/auth/login",
                       .body = "{}",
                       .headers = {"Transfer-Encoding: chunked"}};
    cr_expect_eq(stack.send(chunked).status, 429);
    for (const int fd : fds) close(fd);
}

// Returns everything until the connection ends.
static std::string text_of(int fd) {
    std::string text;
    char part[4096];
    for (ssize_t size = 0; (size = recv(fd, part, sizeof part, 0)) > 0;)
        text.append(part, static_cast<std::size_t>(size));
    return text;
}

Test(nginx, that_has_no_connection_left_is_503) {
    const Stack stack{Engine::sqlite};
    cr_assert_eq(stack.send({.path = "/"}).status, 200);  // started
    reconfigure(stack, "worker_connections ", "worker_connections 32; # ", "nginx.conf");
    signal_all(stack, "root", SIGSTOP);
    // Each request takes two connections. nginx's own needs decide whether the client's or the
    // endpoint's connection is the first one too many. Only in the latter case does the client get
    // a response, and only if it has sent its request before the next client connects.
    int refused = 0;
    for (const int others : {0, 1}) {
        auto fds = send_slow_bodies(stack, "127.0.0.1", others);
        for (int i = 0; i < 20; ++i) {
            fds.push_back(connect_to(stack.port()));
            cr_assert(send_all(fds.back(), request("GET /")));
            const auto text = is_answered(fds.back(), 200) ? text_of(fds.back()) : "";
            if (text.empty()) continue;
            expect_shaped(parse_reply(text), Error::service_unavailable, ErrorShape::plain);
            ++refused;
        }
        for (const int fd : fds) close(fd);
    }
    cr_expect_gt(refused, 0);
    signal_all(stack, "root", SIGCONT);
    wait_until("the log has the reason", [&] {
        const auto log = stack.log();
        const auto at = log.find(R"("status":503)");
        return at != log.npos &&
               log.substr(at, log.find('\n', at) - at).find(R"("upstream_status":"-")") != log.npos;
    });
}

Test(nginx, an_endpoint_that_hangs_leaves_room_for_the_others) {
    const Stack stack{Engine::sqlite};
    cr_assert_eq(stack.send({.path = "/"}).status, 200);  // started
    reconfigure(stack, "limit_conn steelthread_endpoints ",
                "limit_conn steelthread_endpoints 2; # ");
    signal_all(stack, "root", SIGSTOP);
    std::map<int, int> statuses;
    std::vector<int> fds;
    for (int i = 0; i < 3; ++i) {
        fds.push_back(connect_to(stack.port()));
        cr_assert(send_all(fds.back(), request("GET /")));
    }
    const auto is_refused = [&](int fd) { return is_answered(fd, 0); };
    wait_until("one is refused",
               [&] { return std::count_if(fds.begin(), fds.end(), is_refused) == 1; });
    for (int i = 0; i < 3; ++i) cr_expect_eq(stack.send({.path = "/healthz"}).status, 200);
    signal_all(stack, "root", SIGCONT);
    for (const int fd : fds) {
        ++statuses[status_at(fd)];
        close(fd);
    }
    cr_expect_eq(statuses[429], 1);
    cr_expect_eq(statuses[200], 2);
}

Test(nginx, where_few_files_may_be_opened_one_network_has_a_quarter) {
    const Stack stack{Engine::sqlite};
    const auto conf = read_text(stack.run_dir() + "/server.conf");
    const auto streams = read_text(stack.run_dir() + "/streams.conf");
    const auto number_after = [](const std::string& text, const std::string& name) {
        return std::atoi(text.substr(text.find(name) + name.size()).c_str());
    };
    const int requests = number_after(conf, "limit_conn steelthread_requests ");
    const int bodies = number_after(conf, "limit_conn steelthread_bodies ");
    // A request takes two connections.
    cr_expect_eq(2 * requests, most_files / 4);
    cr_expect_lt(bodies, requests);
    cr_expect_lt(number_after(conf, "limit_conn steelthread_endpoints "), requests);
    cr_expect_lt(number_after(streams, "limit_conn steelthread_streams "), requests);
}

Test(nginx, head_is_get_without_a_body) {
    const Stack stack{Engine::sqlite};
    const auto task = stack.create_task("x");
    for (const std::string& path :
         {std::string{"/"}, std::string{"/healthz"}, std::string{"/health"}, std::string{"/livez"},
          std::string{"/collab/state/tasks"}, task, std::string{"/nothing"}, task + "x"}) {
        auto got = stack.send({.path = path, .headers = {"X-Request-ID: same"}});
        auto head = stack.send({.method = "HEAD", .path = path, .headers = {"X-Request-ID: same"}});
        cr_expect_eq(head.status, got.status);
        EXPECT_TEXT(head.body, "");
        EXPECT_TEXT(head.header("content-length"), std::to_string(got.body.size()));
        got.headers.erase("date");
        head.headers.erase("date");
        for (const auto& [name, value] : got.headers) EXPECT_TEXT(head.header(name), value);
        cr_expect_eq(head.headers.size(), got.headers.size(), "%s", path.c_str());
    }
    EXPECT_TEXT(stack.send({.method = "HEAD", .path = "/auth/login"}).header("allow"),
                "POST, OPTIONS");
}

Test(nginx, only_allowed_origins_are_told_that_they_are) {
    const Stack stack{Engine::sqlite, {{"FRONTEND_ORIGIN", "https://app.example.org"}}};
    const char* strangers[] = {"http://localhost:3002",      "http://localhost:3001.example.org",
                               "http://localhost:30011",     "https://localhost:3001",
                               "http://xlocalhost:3001",     "null",
                               "http://LOCALHOST:3001",      "HTTP://localhost:3001",
                               "https://appxexample.org",    "*",
                               "http://localhost:3001, null"};
    for (const char* path : {"/livez", "/nothing", "/", "/collab/state/tasks", "/collab/tasks/x"}) {
        for (const char* origin : {allowed_origin, "https://app.example.org"}) {
            const auto reply =
                stack.send({.path = path, .headers = {std::string{"Origin: "} + origin}});
            EXPECT_TEXT(reply.header("access-control-allow-origin"), origin);
            EXPECT_TEXT(reply.header("access-control-allow-credentials"), "true");
            EXPECT_TEXT(reply.header("access-control-expose-headers"),
                        "ETag, Location, Retry-After, X-Request-ID, RateLimit, RateLimit-Policy, "
                        "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset");
            expect_security_headers(reply);
        }
        for (const char* origin : strangers) {
            const auto reply =
                stack.send({.path = path, .headers = {std::string{"Origin: "} + origin}});
            for (const auto& [name, value] : reply.headers)
                cr_expect(!name.starts_with("access-control-"), "%s of %s for %s", name.c_str(),
                          path, origin);
            expect_to_vary_by_origin(reply);
        }
    }
}

Test(nginx, preflights_are_answered) {
    const Stack stack{Engine::sqlite};
    const std::pair<const char*, const char*> routes[] = {
        {"/", "GET, HEAD, OPTIONS"},
        {"/auth/login", "POST, OPTIONS"},
        {"/collab/state/tasks", "GET, HEAD, OPTIONS"},
        {"/collab/tasks", "POST, OPTIONS"},
        {"/collab/tasks/x", "GET, HEAD, PATCH, DELETE, OPTIONS"},
    };
    for (const auto& [path, methods] : routes) {
        Call call{.method = "OPTIONS",
                  .path = path,
                  .headers = {std::string{"Origin: "} + allowed_origin,
                              "Access-Control-Request-Method: PATCH",
                              "Access-Control-Request-Headers: authorization, if-match"}};
        const auto reply = stack.send(call);
        cr_expect_eq(reply.status, 204);
        expect_security_headers(reply);
        EXPECT_TEXT(reply.header("access-control-allow-origin"), allowed_origin);
        EXPECT_TEXT(reply.header("access-control-allow-methods"), methods);
        EXPECT_TEXT(reply.header("access-control-allow-headers"), "authorization, if-match");
        EXPECT_TEXT(reply.header("access-control-max-age"), "600");
        call.headers[0] = "Origin: http://example.org";
        const auto refused = stack.send(call);
        EXPECT_TEXT(refused.header("access-control-allow-origin"), "");
        EXPECT_TEXT(refused.header("access-control-allow-methods"), "");
    }
}

Test(nginx, request_ids_are_taken_when_harmless_and_made_otherwise) {
    const Stack stack{Engine::sqlite};
    const std::string longest(64, 'a');
    const std::string bad[] = {std::string(65, 'a'),
                               "two words",
                               "a/b",
                               "\"x\"",
                               "{}",
                               "\xc3\xa9",
                               "a,b",  // what a proxy makes of two headers
                               "$host",
                               "%0d%0a",
                               "\t",
                               ""};
    for (const char* path : {"/livez", "/nothing", "/", "/collab/tasks/x"}) {
        for (const auto& good : {std::string{"a"}, std::string{"A.b_c-9"}, longest}) {
            const auto reply = stack.send({.path = path, .headers = {"X-Request-ID: " + good}});
            EXPECT_TEXT(reply.header("x-request-id"), good);
        }
        std::set<std::string> made;
        for (const auto& id : bad) {
            const auto reply = send_raw(
                stack, request(std::string{"GET "} + path, "X-Request-ID: " + id + "\r\n"));
            cr_expect(reply.failure.empty(), "%s", reply.failure.c_str());
            const auto own = reply.header("x-request-id");
            cr_expect(own.size() == 32 && own.find_first_not_of("0123456789abcdef") == own.npos,
                      "%s", own.c_str());
            made.insert(own);
        }
        cr_expect_eq(made.size(), std::size(bad), "an id was given twice");
    }
    // nginx drops such names, which would become the same CGI variable.
    const auto reply = stack.send({.path = "/", .headers = {"X_Request_ID: sneaky"}});
    cr_expect(reply.header("x-request-id") != "sneaky");
}

Test(nginx, nothing_injects_a_header) {
    const Stack stack{Engine::sqlite};
    const std::string attempts[] = {
        request("GET /%0d%0aX-Injected:%201"),
        request("GET /collab/tasks/%0d%0aX-Injected:%201"),
        request("GET /healthz?%0d%0aX-Injected:%201"),
        request("GET /healthz", "X-Request-ID: a\rX-Injected: 1\r\n"),
        request("GET /healthz", "X-Request-ID: a\nX-Injected: 1\r\n"),
        request("GET /healthz", "X-Request-ID: a%0d%0aX-Injected: 1\r\n"),
        request("GET /healthz", "Origin: http://localhost:3001\rX-Injected: 1\r\n"),
        request("GET /healthz", "X-Accel-Redirect: /livez\r\nStatus: 201\r\n"),
        request("GET /collab/tasks/x", "If-None-Match: \"a\"\rX-Injected: 1\r\n"),
    };
    for (const auto& bytes : attempts) {
        const auto raw = stack.send_raw(bytes);
        const auto reply = parse_reply(raw);
        expect_security_headers(reply);
        EXPECT_TEXT(reply.header("x-injected"), "");
        cr_expect(reply.status == 200 || reply.status == 400 || reply.status == 404 ||
                      reply.status == 422,
                  "%s: %ld", shown(bytes).c_str(), reply.status);
        // There is no second response either.
        cr_expect(raw.find("HTTP/1.1", 1) == raw.npos, "%s", shown(raw).c_str());
    }
}

// Without a token every operation of an endpoint has an answer of its own, and none is 404.
Test(nginx, every_path_may_end_in_a_slash) {
    const Stack stack{Engine::sqlite};
    int compared = 0;
    for (const auto& [path, item] : Contract::of("/api/v1").paths()) {
        // nginx alone answers these.
        if (path == "/" || path == "/livez" || path == "/openapi.json" || path.starts_with("/docs"))
            continue;
        auto target = path;
        for (const auto& [name, value] : {std::pair{"{user_id}", "ada"}, std::pair{"{id}", "1"}})
            if (const auto place = target.find(name); place != target.npos)
                target.replace(place, std::strlen(name), value);
        for (const char* method : {"GET", "POST", "PATCH"}) {
            const auto without = stack.send({.method = method, .path = target});
            const auto with = stack.send({.method = method, .path = target + "/"});
            cr_expect_neq(with.status, 404, "%s %s/", method, target.c_str());
            cr_expect_eq(with.status, without.status, "%s %s", method, target.c_str());
            ++compared;
        }
    }
    cr_expect_geq(compared, 90);
}

Test(nginx, odd_paths_reach_nothing) {
    const Stack stack{Engine::sqlite};
    const auto task = stack.create_task("x");
    const std::string id = task.substr(task.rfind('/') + 1);
    const std::string missing[] = {"/healthz//",
                                   "//healthz",
                                   "/./healthz",
                                   "/x/../healthz",
                                   "/healthz/.",
                                   "/healthz%2f",
                                   "/%2fhealthz",
                                   "/healthz%0a",
                                   "/healthz%20",
                                   "/HEALTHZ",
                                   "/healthz;x",
                                   "/livez//",
                                   "/%2e/healthz",
                                   "/x/%2e%2e/healthz",
                                   "/collab//tasks",
                                   "/collab/tasks//",
                                   "/collab%2ftasks/" + id,
                                   "/collab/tasks/" + id + "//",
                                   "/collab/tasks//" + id,
                                   "/collab/tasks/%0a",
                                   "/collab/tasks/" + id + "%0a",
                                   "/collab/tasks/" + id + "%0d%0a",
                                   "/collab/tasks/" + id + "%7f",
                                   "/collab/tasks/" + id + "%2fx",
                                   "/collab/tasks/%2e%2e",
                                   "/collab/tasks/x/../" + id,
                                   "/collab/tasks/%c3%28",
                                   "/collab/tasks/%ed%a0%80",
                                   "/_errors/plain/service_unavailable",
                                   "/nginx.conf",
                                   "/log",
                                   "/sockets/root.sock"};
    for (const auto& path : missing) {
        const auto reply = send_raw(stack, request("GET " + path));
        cr_expect(reply.status == 404, "%s: %ld", path.c_str(), reply.status);
        expect_shaped(reply, Error::not_found, ErrorShape::plain);
    }
    const std::string found[] = {"/healthz?", "/healthz?x=%00",       "/%68ealthz",
                                 "/healthz/", "/healthz/?x",          task + "/",
                                 task + "?x", "/collab/%74asks/" + id};
    for (const auto& path : found) {
        const auto reply = send_raw(stack, request("GET " + path));
        cr_expect(reply.status == 200, "%s: %ld", path.c_str(), reply.status);
    }
    cr_expect_eq(send_raw(stack, request("GET /collab/tasks/%3f")).status, 422);
}

Test(nginx, methods_are_what_they_are) {
    const Stack stack{Engine::sqlite};
    const auto authorization = stack.authorization();
    const auto task = stack.create_task("x");
    for (const char* name : {"X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"}) {
        const auto header = std::string{name} + ": DELETE";
        const auto posted = stack.send(
            {.method = "POST", .path = task, .headers = {authorization, "If-Match: *", header}});
        expect_error(posted, Error::method_not_allowed);
        EXPECT_TEXT(posted.header("allow"), "GET, HEAD, PATCH, DELETE, OPTIONS");
        const auto read =
            stack.send({.path = task, .headers = {authorization, "If-Match: *", header}});
        cr_expect_eq(read.status, 200);
    }
    for (const char* method : {"PUT", "PROPFIND", "FOO", "DELETE"})
        expect_error(stack.send({.method = method, .path = "/collab/tasks"}),
                     Error::method_not_allowed);
}

// A CGI program would read HTTP_PROXY as a setting.
Test(nginx, headers_that_no_handler_reads_reach_none) {
    const Stack stack{Engine::sqlite};
    const auto path = stack.run_dir() + "/sockets/root.sock";
    fs::rename(path, stack.run_dir() + "/sockets/away");
    const Listener stranger{path};
    Reply reply;
    std::thread client{[&] {
        reply = stack.send({.path = "/",
                            .headers = {"Proxy: unwanted", "Cookie: unwanted", "Status: unwanted",
                                        "Accept: wanted"}});
    }};
    const auto sent = stranger.first_bytes();
    client.join();
    expect_error(reply, Error::service_unavailable);
    cr_expect_neq(sent.find("HTTP_ACCEPTwanted"), sent.npos, "%s", shown(sent).c_str());
    cr_expect_eq(sent.find("HTTP_PROXY"), sent.npos, "%s", shown(sent).c_str());
    cr_expect_eq(sent.find("unwanted"), sent.npos, "%s", shown(sent).c_str());
}

Test(nginx, half_a_request_is_not_waited_for) {
    const Stack stack{Engine::sqlite};
    const std::string halves[] = {
        "GET /healthz HTTP/1.1\r\nHost: local",
        request("POST /collab/tasks", "Content-Type: application/json\r\nContent-Length: 13\r\n",
                "{\"title\"")};
    std::string answers[std::size(halves)];
    std::atomic<std::size_t> closed = 0;
    std::vector<std::thread> clients;
    for (std::size_t i = 0; i < std::size(halves); ++i)
        clients.emplace_back([&, i] {
            answers[i] = stack.send_raw(halves[i]);
            ++closed;
        });
    wait_until(
        "nginx has closed both",
        [&] {
            cr_expect_eq(stack.send({.path = "/"}).status, 200, "others suffer");
            return closed == std::size(halves);
        },
        15);
    for (auto& client : clients) client.join();
    for (const auto& answer : answers) EXPECT_TEXT(answer, "");
}

Test(nginx, who_does_not_read_an_answer_is_not_waited_for) {
    const TestDatabase database{Engine::postgres};
    database.execute(
        "INSERT INTO collab_tasks (id, title, description) "
        "SELECT gen_random_uuid(), 'x', repeat('x', 1000) FROM generate_series(1, 4000)");
    const Stack stack{database.url()};
    const int fd = connect_to(stack.port());
    const int little = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    const auto bytes = request("GET /collab/state/tasks");
    cr_assert_eq(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), bytes.size());
    // Without requested events, poll() returns only when the connection has been reset.
    pollfd waiting{fd, 0, 0};
    cr_expect_eq(poll(&waiting, 1, 15'000), 1, "nginx still waits after 15 s");
    close(fd);
}

Test(nginx, long_tokens_reach_the_handler) {
    const Stack stack{Engine::sqlite};
    for (const std::size_t size : {8'192, 15'000}) {
        const auto reply =
            stack.send({.method = "POST",
                        .path = "/collab/tasks",
                        .body = R"({"title":"x"})",
                        .headers = {"Authorization: Bearer " + std::string(size, 'x')}});
        expect_error(reply, Error::invalid_token);
    }
}

Test(nginx, logs_hold_no_secrets) {
    const Stack stack{Engine::sqlite, {{"LOG_LEVEL", "debug"}}};
    const std::string secret = "s3cr3t";
    const auto authorization = stack.authorization();
    const Call calls[] = {
        {.path = "/collab/state/tasks?ticket=" + secret},
        {.path = "/nothing?ticket=" + secret},
        {.method = "POST",
         .path = "/collab/tasks?x=" + secret,
         .body = R"({"title":"s3cr3t","s3cr3t":1})",
         .headers = {authorization}},
        {.method = "POST",
         .path = "/auth/login",
         .body = R"({"email":"x@example.org","password":"s3cr3t s3cr3t"})"},
        {.path = "/healthz", .headers = {"Authorization: Bearer " + secret, "Cookie: " + secret}},
        {.path = "/healthz",
         .headers = {"Authorization: Bearer " + std::string(17'000, 'x') + secret}},
        {.path = "/" + std::string(17'000, 'x') + "?" + secret},
        {.method = "POST", .path = "/collab/tasks", .body = secret + std::string(70'000, ' ')},
        {.path = "/healthz\"x\\", .headers = {"X-Request-ID: the-last"}},
    };
    for (const auto& call : calls) stack.send(call);
    wait_until("the log is written",
               [&] { return stack.log().find("the-last") != std::string::npos; });
    std::istringstream lines{stack.log()};
    int requests = 0;
    for (std::string line; std::getline(lines, line);) {
        cr_expect(line.find(secret) == line.npos, "%s", line.c_str());
        cr_expect(line.find(authorization.substr(30)) == line.npos, "%s", line.c_str());
        // Skip nginx's error log and what the supervisor prints for people.
        if (!line.starts_with('{')) continue;
        cr_expect(json_member(line, "message") != "<no JSON>", "%s", line.c_str());
        if (json_member(line, "endpoint") != "nginx") continue;
        ++requests;
        cr_expect(json_member(line, "request_id").size() >= 8, "%s", line.c_str());
        for (const char* name : {"time", "method", "path", "status", "address"})
            cr_expect(json_member(line, name) != "<absent>", "%s", line.c_str());
    }
    cr_expect_geq(requests, static_cast<int>(std::size(calls)));
}

// nginx adds the request line and the Referer to its messages about a request.
Test(nginx, says_nothing_of_single_requests) {
    const Stack stack{Engine::sqlite};
    const Call call{.path = "/?ticket=s3cr3t",
                    .headers = {"Referer: http://localhost/?ticket=s3cr3t"}};
    // The endpoint has no socket, then does not answer in time, then closes the connection.
    fs::rename(stack.run_dir() + "/sockets/root.sock", stack.run_dir() + "/sockets/away");
    expect_error(stack.send(call), Error::service_unavailable);
    fs::rename(stack.run_dir() + "/sockets/away", stack.run_dir() + "/sockets/root.sock");
    cr_assert_eq(stack.send({.path = "/"}).status, 200);
    reconfigure(stack, "fastcgi_read_timeout ", "fastcgi_read_timeout 200ms; # ");
    signal_all(stack, "root", SIGSTOP);
    expect_error(stack.send(call), Error::service_unavailable);
    signal_all(stack, "root", SIGKILL);
    stack.send(call);
    stack.send({.path = "/nothing", .headers = {"X-Request-ID: the-last"}});
    wait_until("the log is written",
               [&] { return stack.log().find("the-last") != std::string::npos; });
    cr_expect_eq(stack.log().find("s3cr3t"), std::string::npos, "%s", stack.log().c_str());
}

// Returns the local addresses ("0100007F:1F90") on which any of these processes listens.
static std::set<std::string> listening(const std::vector<pid_t>& processes) {
    std::set<std::string> addresses;
    for (const pid_t pid : processes) {
        const auto folder = "/proc/" + std::to_string(pid);
        std::set<std::string> inodes;
        for (const auto& fd : fs::directory_iterator{folder + "/fd"}) {
            const auto target = fs::read_symlink(fd.path()).string();
            if (target.starts_with("socket:[")) inodes.insert(target.substr(8, target.size() - 9));
        }
        for (const char* table : {"/net/tcp", "/net/tcp6", "/net/udp", "/net/udp6"}) {
            std::ifstream rows{folder + table};
            std::string row;
            std::getline(rows, row);
            while (std::getline(rows, row)) {
                std::istringstream words{row};
                std::string slot, local, remote, state, word;
                words >> slot >> local >> remote >> state;
                for (int i = 0; i < 6; ++i) words >> word;
                if (inodes.contains(word) && (state == "0A" || state == "07"))
                    addresses.insert(local);
            }
        }
    }
    return addresses;
}

Test(nginx, listens_where_it_should_and_nowhere_else) {
    const Stack stack{Engine::postgres, {{"PRESTART", "on"}}};
    auto processes = stack.descendants();
    processes.push_back(stack.supervisor());
    char address[32];
    std::snprintf(address, sizeof address, "0100007F:%04X", static_cast<unsigned>(stack.port()));
    const auto found = listening(processes);
    cr_expect_eq(found.size(), 1);
    cr_expect(found.contains(address), "%s", found.empty() ? "" : found.begin()->c_str());
}

Test(nginx, many_connections_can_wait_to_be_accepted) {
    const Stack stack{Engine::sqlite};
    int limit = 0;
    std::ifstream{"/proc/sys/net/core/somaxconn"} >> limit;
    cr_assert_eq(stack.send({.path = "/"}).status, 200);  // started
    const auto worker = worker_of(stack);
    kill(worker, SIGSTOP);
    signal_all(stack, "root", SIGSTOP);
    sockaddr_in nginx{};
    nginx.sin_family = AF_INET;
    nginx.sin_port = htons(static_cast<std::uint16_t>(stack.port()));
    nginx.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_expect_geq(fill_queue(nginx), std::min(limit, 4096));
    cr_expect_geq(fill_queue(unix_address(stack.run_dir() + "/sockets/root.sock")),
                  std::min(limit, 4096));
    signal_all(stack, "root", SIGCONT);
    kill(worker, SIGCONT);
}

Test(nginx, sockets_are_for_its_own_user) {
    const Stack stack{Engine::sqlite};
    const auto mode = [](const std::string& path) {
        struct stat status {};
        cr_assert_eq(stat(path.c_str(), &status), 0, "%s", path.c_str());
        return status.st_mode & 07777;
    };
    cr_expect_eq(mode(stack.run_dir()), 0700);
    std::vector<std::string> names;
    for (const auto& socket : fs::directory_iterator{stack.run_dir() + "/sockets"}) {
        cr_expect(socket.is_socket());
        cr_expect_eq(mode(socket.path()), 0660);
        names.push_back(socket.path().stem());
    }
    auto handlers = all_handlers();
    std::sort(names.begin(), names.end());
    std::sort(handlers.begin(), handlers.end());
    cr_expect(names == handlers, "%zu sockets for %zu handlers", names.size(), handlers.size());
}

Test(nginx, answers_are_never_compressed) {
    const Stack stack{Engine::sqlite};
    for (int i = 0; i < 10; ++i) stack.create_task(std::string(255, 'x'));
    const auto plain = stack.send({.path = "/collab/state/tasks"});
    const auto asked =
        stack.send({.path = "/collab/state/tasks", .headers = {"Accept-Encoding: gzip, br"}});
    cr_expect_gt(asked.body.size(), 2'000);
    EXPECT_TEXT(asked.body, plain.body);
    EXPECT_TEXT(asked.header("content-encoding"), "");
    EXPECT_TEXT(asked.header("etag"), plain.header("etag"));
    EXPECT_TEXT(asked.header("vary"), "Origin");
}

Test(nginx, every_answer_has_the_security_headers_once) {
    const Stack stack{Engine::sqlite};
    const auto authorization = stack.authorization();
    const auto task = stack.create_task("x");
    const Call calls[] = {
        {.path = "/"},
        {.path = "/healthz"},
        {.path = "/health"},
        {.path = "/livez"},
        {.path = "/collab/state/tasks"},
        {.path = "/collab/state/tasks", .headers = {"If-None-Match: *"}},
        {.path = task},
        {.path = "/collab/tasks/x"},
        {.method = "PUT", .path = task},
        {.method = "OPTIONS", .path = task},
        {.method = "PATCH", .path = task, .body = "{}"},
        {.method = "DELETE", .path = task, .headers = {authorization, "If-Match: *"}},
        {.method = "POST", .path = "/collab/tasks", .body = "x", .headers = {authorization}},
        {.method = "POST", .path = "/auth/login", .body = "{}"},
        {.path = "/nothing"},
    };
    for (const auto& call : calls) {
        const auto reply = stack.send(call);
        expect_security_headers(reply);
        if (call.method == "OPTIONS") continue;  // such responses are never cached
        const bool may_be_kept =
            reply.status < 400 && call.method == "GET" && call.path.starts_with("/collab/");
        EXPECT_TEXT(reply.header("cache-control"),
                    may_be_kept ? "no-cache, no-transform" : "no-store");
        cr_expect_eq(may_be_kept, !reply.header("etag").empty());
    }
}
