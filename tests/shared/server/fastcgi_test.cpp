// Each test starts a server process and speaks FastCGI to it with handmade records.

#include <linux/sockios.h>
#include <malloc.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "shared/promise.hpp"
#include "shared/server/records.hpp"
#include "shared/server/serve.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/folder.hpp"
#include "tests/support/no_database.hpp"
#include "tests/support/ports.hpp"

// Null if the tests are linked without AddressSanitizer.
extern "C" [[gnu::weak]] std::size_t __sanitizer_get_current_allocated_bytes();

using namespace std::string_view_literals;

namespace {

// --- the server

// The allocated bytes on the heap.
std::size_t bytes_in_use() {
    if (__sanitizer_get_current_allocated_bytes) return __sanitizer_get_current_allocated_bytes();
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

constexpr std::size_t large = 3'000'000;

struct Text {
    std::string text;
    static consteval auto fields() { return std::tuple{json::field("text", &Text::text)}; }
};

struct Tally {
    int calls = 0;
    int held = 0;
    std::vector<std::shared_ptr<Promise>> promises;
};

Response text(std::string value) { return {200, std::move(value)}; }

Async<> hold(Tally& kept) {
    const auto promise = kept.promises.emplace_back(std::make_shared<Promise>());
    ++kept.held;
    co_await promise->wait();
    --kept.held;
}

Async<Response> get(const Request& request, Context& context) {
    auto& kept = context.state.get<Tally>();
    const auto what = request.parameter("what");
    if (what == "calls") co_return text(std::to_string(kept.calls));
    if (what == "held") co_return text(std::to_string(kept.held));
    if (what == "memory") co_return text(std::to_string(bytes_in_use()));
    ++kept.calls;
    if (what == "large") co_return text(std::string(large, 'x'));
    if (what == "throw") throw std::runtime_error{"a reason for the log"};
    if (what == "hold") co_await hold(kept);
    if (what == "release")
        for (const auto& promise : kept.promises) promise->deliver();
    if (static_cast<NoDatabase&>(context.db).is_closed) throw DbError{"08003", "closed"};
    co_return text(std::string{what});
}

Async<Response> post(const Request& request, Context& context) {
    ++context.state.get<Tally>().calls;
    auto body = request.body<Text>();
    co_return text(std::move(body.text));
}

const Endpoint& served() {
    static const Endpoint declared{
        .path = "/{what}",
        .operations = {{.method = Method::get, .handler = get, .summary = "", .answer = {}},
                       {.method = Method::post,
                        .handler = post,
                        .summary = "",
                        .request_schema = schema_of<Text>,
                        .answer = {}}}};
    return declared;
}

// Runs the server process and returns its exit status.
int serve(int listener) {
    Loop loop{1};
    ContextWithoutDatabase without;
    serve_fastcgi(listener, loop, served(), without.context);
    return without.database.is_closed ? EXIT_SUCCESS : 3;
}

// --- records

std::string record(int type, int id, std::string_view content, int padding = 0) {
    std::string text{'\1',
                     static_cast<char>(type),
                     static_cast<char>(id >> 8),
                     static_cast<char>(id & 255),
                     static_cast<char>(content.size() >> 8),
                     static_cast<char>(content.size() & 255),
                     static_cast<char>(padding),
                     '\0'};
    text += content;
    return text.append(static_cast<std::size_t>(padding), '\0');
}

std::string begin_request(int id, bool is_kept, int role = 1) {
    const char content[] = {0, static_cast<char>(role), static_cast<char>(is_kept), 0, 0, 0, 0, 0};
    return record(1, id, {content, sizeof content});
}

std::string length(std::size_t size) {
    if (size < 128) return {static_cast<char>(size)};
    return {static_cast<char>(size >> 24 | 128), static_cast<char>(size >> 16 & 255),
            static_cast<char>(size >> 8 & 255), static_cast<char>(size & 255)};
}

std::string parameter(std::string_view name, std::string_view value) {
    return (length(name.size()) + length(value.size())).append(name).append(value);
}

// A stream of records with at most `most` bytes each, and the empty record that ends it.
std::string stream(int type, int id, std::string_view content, std::size_t most = 32'768,
                   int padding = 0) {
    std::string text;
    for (; !content.empty(); content.remove_prefix(std::min(most, content.size())))
        text += record(type, id, content.substr(0, most), padding);
    return text + record(type, id, "");
}

std::string variables(std::string_view method, std::string_view target) {
    return parameter("REQUEST_METHOD", method) + parameter("REQUEST_URI", target);
}

std::string get_request(std::string_view target, int id = 1, bool is_kept = true) {
    return begin_request(id, is_kept) + stream(4, id, variables("GET", target)) + record(5, id, "");
}

std::string post_request(std::string_view body, int id = 1, std::size_t most = 32'768) {
    return begin_request(id, true) +
           stream(4, id,
                  variables("POST", "/echo") + parameter("CONTENT_TYPE", "application/json") +
                      parameter("CONTENT_LENGTH", std::to_string(body.size()))) +
           stream(5, id, body, most);
}

// A JSON body of exactly this size.
std::string body_of(std::size_t size) {
    return R"({"text":")" + std::string(size - 11, 'b') + R"("})";
}

// --- the client

class Client {
public:
    explicit Client(int fd) : fd_(fd) {}
    ~Client() { hang_up(); }
    Client(Client&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Sends as much as the server takes. Returns false if the server has closed the connection.
    bool send(std::string_view bytes) const { return send_all(fd_, bytes); }

    void send_end() const { shutdown(fd_, SHUT_WR); }

    void hang_up() {
        if (fd_ >= 0) close(fd_);
        fd_ = -1;
    }

    bool is_readable(int timeout_ms = 0) const {
        pollfd waiting{fd_, POLLIN, 0};
        return poll(&waiting, 1, timeout_ms) == 1;
    }

    // Returns true once the server has read everything that was sent.
    bool is_all_read() const {
        int waiting = 0;
        return ioctl(fd_, SIOCOUTQ, &waiting) == 0 && waiting == 0;
    }

    // Reads `size` bytes, or fewer if the server closes.
    std::string read(std::size_t size) const {
        std::string bytes(size, '\0');
        std::size_t have = 0;
        while (have < size) {
            cr_assert(is_readable(20'000), "the server is silent");
            const auto count = recv(fd_, bytes.data() + have, size - have, 0);
            if (count <= 0) break;
            have += static_cast<std::size_t>(count);
        }
        bytes.resize(have);
        return bytes;
    }

    // Reads until the server closes.
    std::string read_all() const {
        std::string all;
        for (;;) {
            const auto more = read(65'536);
            all += more;
            if (more.size() < 65'536) return all;
        }
    }

private:
    int fd_;
};

struct Answer {
    std::string output;  // head and body
    std::size_t largest_record = 0;
    int id = 0;

    std::string status() const {
        return output.starts_with("Status: ") ? output.substr(8, 3) : "none: " + output;
    }
    std::string body() const {
        const auto end = output.find("\r\n\r\n");
        return end == output.npos ? "no body" : output.substr(end + 4);
    }
};

// Reads a whole response. The id is 0 if the server closed early or the response is malformed.
Answer read_answer(const Client& client) {
    Answer answer;
    bool has_ended_output = false;
    for (;;) {
        const auto header = client.read(8);
        if (header.size() < 8) return {};
        // A client that has already sent its request skips this record.
        if (header == stop_record && answer.id == 0) continue;
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(header[i]); };
        const std::size_t size = byte(4) * 256U + byte(5);
        const auto content = client.read(size + byte(6)).substr(0, size);
        const int id = byte(2) * 256 + byte(3);
        if (answer.id == 0) answer.id = id;
        if (byte(0) != 1 || content.size() < size || id != answer.id) return {};
        if (byte(1) == 3)
            return has_ended_output && content == "\0\0\0\0\0\0\0\0"sv ? answer : Answer{};
        if (byte(1) != 6 || has_ended_output) return {};
        has_ended_output = size == 0;
        answer.output += content;
        answer.largest_record = std::max(answer.largest_record, size);
    }
}

Answer ask(const Client& client, std::string_view request) {
    cr_assert(client.send(request), "the server has closed");
    return read_answer(client);
}

void expect_served(const Client& client, int id = 1) {
    const auto answer = ask(client, get_request("/hello", id));
    EXPECT_TEXT(answer.status(), "200");
    EXPECT_TEXT(answer.body(), "hello");
    cr_expect_eq(answer.id, id);
}

// Waits for a child and returns its exit status, or the negative number of the signal that killed
// it.
int exit_status_of(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

class ServerProcess {
public:
    explicit ServerProcess(rlim_t most_descriptors = 4096) : most_descriptors_(most_descriptors) {
        listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = socket_address();
        cr_assert_eq(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address),
                     0);
        cr_assert_eq(listen(listener_, 4096), 0);
        start();
    }

    void close_listener() {
        close(listener_);
        listener_ = -1;
    }

    // The parent keeps the listening socket open, like the supervisor.
    void start() {
        rlimit files{};
        getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = std::min<rlim_t>(4096, files.rlim_max);
        setrlimit(RLIMIT_NOFILE, &files);
        const pid_t parent = getpid();
        pid_ = fork();
        cr_assert_geq(pid_, 0);
        if (pid_ > 0) return;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(2);
        // Otherwise a copy of the test's descriptors would keep its connections open.
        const auto listener = static_cast<unsigned>(listener_);
        close_range(STDERR_FILENO + 1, listener - 1, 0);
        close_range(listener + 1, ~0U, 0);
        files.rlim_cur = std::min(most_descriptors_, files.rlim_max);
        setrlimit(RLIMIT_NOFILE, &files);
        _exit(serve(listener_));
    }

    ~ServerProcess() {
        if (pid_ > 0) {
            kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
        }
        if (listener_ >= 0) close(listener_);
    }

    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;

    Client connect() const {
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = socket_address();
        const int result =
            ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
        cr_assert_eq(result, 0, "nobody accepts: %s", std::strerror(errno));
        return Client{fd};
    }

    bool accepts() const {
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = socket_address();
        const int result =
            ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
        close(fd);
        return result == 0;
    }

    // Returns the body of a response on a connection of its own.
    std::string get(std::string_view target) const {
        return ask(connect(), get_request(target)).body();
    }

    long memory() const { return std::stol(get("/memory")); }

    void wait_until(std::string_view target, std::string_view body) const {
        const auto client = connect();
        for (int i = 0; i < 2000; ++i) {
            if (ask(client, get_request(target)).body() == body) return;
            usleep(5'000);
        }
        cr_assert(false, "%s is never %s", std::string{target}.c_str(), std::string{body}.c_str());
    }

    void signal(int number) const { kill(pid_, number); }

    // Stops the process. When it continues, everything sent meanwhile arrives at once.
    void freeze() const {
        int status = 0;
        kill(pid_, SIGSTOP);
        waitpid(pid_, &status, WUNTRACED);
        cr_assert(WIFSTOPPED(status));
    }

    bool is_alive() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }

    // Waits until the process ends.
    int exit_status() { return exit_status_of(std::exchange(pid_, -1)); }

    // Starts another process on the same socket and returns the id of the former one.
    pid_t start_successor() {
        const pid_t former = pid_;
        start();
        return former;
    }

    std::size_t descriptors() const {
        const auto path = "/proc/" + std::to_string(pid_) + "/fd";
        const std::filesystem::directory_iterator entries{path};
        return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
    }

    long resident_kib() const { return std::stol(status_of("VmRSS:")); }

    bool is_asleep() const { return status_of("State:").starts_with("S"); }

private:
    // Returns a line of /proc/PID/status.
    std::string status_of(std::string_view name) const {
        std::ifstream file{"/proc/" + std::to_string(pid_) + "/status"};
        for (std::string line; std::getline(file, line);)
            if (line.starts_with(name))
                return line.substr(line.find_first_not_of(" \t", name.size()));
        cr_assert(false, "no %s", name.data());
        return {};
    }

    sockaddr_un socket_address() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const auto path = folder_.path("socket");
        cr_assert_lt(path.size(), sizeof address.sun_path);
        path.copy(address.sun_path, path.size());
        return address;
    }

    rlim_t most_descriptors_;
    Folder folder_;
    int listener_ = -1;
    pid_t pid_ = -1;
};

// Stops a server that has no connections.
void expect_clean_end(ServerProcess& server) {
    server.signal(SIGTERM);
    cr_expect_eq(server.exit_status(), 0);
}

}  // namespace

// --- serving

Test(fastcgi, serves_many_requests_on_one_connection) {
    ServerProcess server;
    {
        const auto client = server.connect();
        for (int i = 0; i < 100; ++i) {
            expect_served(client);
            EXPECT_TEXT(ask(client, post_request(body_of(1'000))).body(), std::string(989, 'b'));
        }
    }
    expect_clean_end(server);
}

Test(fastcgi, gives_the_request_id_back) {
    ServerProcess server;
    const auto client = server.connect();
    for (const int id : {1, 2, 255, 256, 4'660, 65'535}) expect_served(client, id);
}

Test(fastcgi, closes_after_the_answer_when_it_is_told_to) {
    ServerProcess server;
    const auto client = server.connect();
    expect_served(client);
    const auto answer = ask(client, get_request("/hello", 1, false));
    EXPECT_TEXT(answer.body(), "hello");
    EXPECT_TEXT(client.read(1), "");
}

Test(fastcgi, closes_after_the_whole_of_a_large_answer) {
    ServerProcess server;
    const auto client = server.connect();
    cr_expect_eq(ask(client, get_request("/large", 1, false)).body().size(), large);
    EXPECT_TEXT(client.read(1), "");
}

Test(fastcgi, answers_a_failure_and_goes_on) {
    ServerProcess server;
    const auto client = server.connect();
    const auto answer = ask(client, get_request("/throw"));
    EXPECT_TEXT(answer.status(), "500");
    cr_expect(answer.output.find("reason") == std::string::npos);
    EXPECT_TEXT(ask(client, get_request("/not/here")).status(), "404");
    expect_served(client);
}

Test(fastcgi, reads_bodies_up_to_64_kib) {
    ServerProcess server;
    const auto client = server.connect();
    for (const std::size_t size : {11, 12, 8'191, 8'192, 8'193, 16'384, 65'535, 65'536})
        for (const std::size_t most : {1'000, 8'192, 65'535}) {
            const auto answer = ask(client, post_request(body_of(size), 1, most));
            EXPECT_TEXT(answer.status(), "200");
            cr_expect_eq(answer.body().size(), size - 11, "%zu bytes", size);
        }
    // No part of the body is left over for the next request.
    EXPECT_TEXT(ask(client, post_request("")).status(), "422");
}

Test(fastcgi, refuses_a_larger_body_and_goes_on) {
    ServerProcess server;
    const auto client = server.connect();
    for (const std::size_t size : {65'537, 70'000, 90'000, 1'000'000}) {
        EXPECT_TEXT(ask(client, post_request(body_of(size))).status(), "413");
        EXPECT_TEXT(ask(client, post_request(body_of(20))).body(), "bbbbbbbbb");
    }
}

// A body that GET does not use must not be read as the next request.
Test(fastcgi, reads_the_body_of_a_get) {
    ServerProcess server;
    const auto client = server.connect();
    const auto start = begin_request(1, true) + stream(4, 1, variables("GET", "/hello"));
    for (const std::size_t size : {1, 8'192, 50'000}) {
        const auto answer = ask(client, start + stream(5, 1, std::string(size, 'x')));
        EXPECT_TEXT(answer.body(), "hello");
    }
    expect_served(client);
}

Test(fastcgi, reads_variables_of_any_length_from_records_of_any_size) {
    ServerProcess server;
    const auto client = server.connect();
    for (const std::size_t size : {1, 126, 127, 128, 129, 8'192, 20'000}) {
        const std::string name(size, 'N');
        const auto content = parameter(name, std::string(size, 'v')) + parameter("EMPTY", "") +
                             variables("GET", "/hello") + parameter("LAST", name);
        for (const std::size_t most : {7, 129, 65'535}) {
            const auto answer = ask(
                client, begin_request(1, true) + stream(4, 1, content, most) + record(5, 1, ""));
            EXPECT_TEXT(answer.body(), "hello");
        }
    }
    const auto content = variables("GET", "/hello");
    for (std::size_t most = 1; most <= content.size(); ++most)
        for (const int padding : {0, 1, 7, 255})
            EXPECT_TEXT(ask(client, begin_request(1, true) + stream(4, 1, content, most, padding) +
                                        record(5, 1, "", padding))
                            .body(),
                        "hello");
}

Test(fastcgi, waits_for_a_request_that_comes_in_pieces) {
    ServerProcess server;
    const auto client = server.connect();
    const auto request = post_request(body_of(30));
    for (std::size_t cut = 1; cut < request.size(); ++cut) {
        cr_assert(client.send(std::string_view{request}.substr(0, cut)));
        sched_yield();
        EXPECT_TEXT(ask(client, request.substr(cut)).body(), std::string(19, 'b'));
    }
    for (const char byte : request) {
        cr_assert(client.send({&byte, 1}));
        sched_yield();
    }
    EXPECT_TEXT(read_answer(client).body(), std::string(19, 'b'));
}

Test(fastcgi, serves_512_connections_at_once) {
    ServerProcess server;
    {
        std::vector<Client> clients;
        for (int i = 0; i < 512; ++i) clients.push_back(server.connect());
        for (const auto& client : clients) cr_assert(client.send(get_request("/hold")));
        server.wait_until("/held", "512");
        EXPECT_TEXT(server.get("/release"), "release");
        for (const auto& client : clients) EXPECT_TEXT(read_answer(client).body(), "hold");
        for (const auto& client : clients) expect_served(client);
    }
    expect_clean_end(server);
}

Test(fastcgi, serves_others_while_a_request_waits) {
    ServerProcess server;
    const auto client = server.connect();
    cr_assert(client.send(get_request("/hold", 9)));
    server.wait_until("/held", "1");
    cr_expect_not(client.is_readable());
    EXPECT_TEXT(server.get("/release"), "release");
    const auto answer = read_answer(client);
    EXPECT_TEXT(answer.body(), "hold");
    cr_expect_eq(answer.id, 9);
}

// --- large answers

Test(fastcgi, sends_a_large_answer_in_records_of_at_most_65528_bytes) {
    ServerProcess server;
    const auto client = server.connect();
    for (int i = 0; i < 3; ++i) {
        const auto answer = ask(client, get_request("/large", 300));
        EXPECT_TEXT(answer.status(), "200");
        cr_expect_eq(answer.body().size(), large);
        cr_expect_eq(answer.largest_record, 65'528);
        cr_expect_eq(answer.id, 300);
    }
    expect_served(client);
}

Test(fastcgi, serves_others_while_nobody_reads_an_answer) {
    ServerProcess server;
    std::vector<Client> lazy;
    for (int i = 0; i < 4; ++i) {
        lazy.push_back(server.connect());
        cr_assert(lazy.back().send(get_request("/large")));
        cr_assert(lazy.back().is_readable(20'000));
    }
    const auto other = server.connect();
    for (int i = 0; i < 100; ++i) expect_served(other);
    for (const auto& client : lazy) {
        cr_expect_eq(read_answer(client).body().size(), large);
        expect_served(client);
    }
}

// 64 MiB of answers may wait for slow peers: the oldest ones are dropped.
Test(fastcgi, drops_the_oldest_answers_when_slow_peers_hold_too_much) {
    ServerProcess server;
    std::vector<Client> slow;
    constexpr std::size_t held = 67'108'864 / large;
    for (std::size_t i = 0; i < held + 3; ++i) {
        slow.push_back(server.connect());
        cr_assert(slow.back().send(get_request("/large")));
        cr_assert(slow.back().is_readable(20'000));
    }
    const auto other = server.connect();
    expect_served(other);
    for (std::size_t i = 0; i < slow.size(); ++i) {
        const bool is_dropped = i < slow.size() - held;
        cr_expect_eq(read_answer(slow[i]).body().size() == large, !is_dropped, "%zu", i);
    }
    expect_served(other);
}

// --- peers that fail

Test(fastcgi, never_runs_a_request_that_was_cut_off) {
    ServerProcess server;
    const auto request = post_request(body_of(20));
    for (std::size_t size = 1; size < request.size(); ++size) {
        const auto client = server.connect();
        cr_assert(client.send(std::string_view{request}.substr(0, size)));
        client.send_end();
        EXPECT_TEXT(client.read_all(), "");
    }
    EXPECT_TEXT(server.get("/calls"), "0");
    expect_clean_end(server);
}

Test(fastcgi, never_runs_a_large_request_that_was_cut_off) {
    ServerProcess server;
    const auto request = post_request(body_of(60'000));
    for (const std::size_t size : {8'191, 8'192, 8'193, 32'768, 60'000}) {
        const auto client = server.connect();
        cr_assert(client.send(std::string_view{request}.substr(0, size)));
        client.send_end();
        EXPECT_TEXT(client.read_all(), "");
    }
    EXPECT_TEXT(server.get("/calls"), "0");
}

Test(fastcgi, answers_a_peer_that_sends_no_more) {
    ServerProcess server;
    const auto client = server.connect();
    cr_assert(client.send(get_request("/hello")));
    client.send_end();
    EXPECT_TEXT(read_answer(client).body(), "hello");
    EXPECT_TEXT(client.read(1), "");
}

// nginx hangs up once it has reported a failure to its own client.
Test(fastcgi, never_runs_a_write_whose_peer_has_hung_up) {
    ServerProcess server;
    const auto watcher = server.connect();
    expect_served(watcher);
    server.freeze();
    for (int i = 0; i < 3; ++i) {
        const auto client = server.connect();
        cr_assert(client.send(post_request(body_of(20))));
    }
    const auto patient = server.connect();
    cr_assert(patient.send(post_request(body_of(20))));
    patient.send_end();
    server.signal(SIGCONT);
    EXPECT_TEXT(read_answer(patient).body(), "bbbbbbbbb");
    EXPECT_TEXT(ask(watcher, get_request("/calls")).body(), "2");
    expect_served(watcher);
}

Test(fastcgi, survives_garbage) {
    static constexpr std::string_view garbage[] = {
        "\0"sv,
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n"sv,
        "\2\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0"sv,                             // version 2
        "\1\1\0\1\0\10\0\0\0\7\1\0\0\0\0\0"sv,                             // unknown role
        "\1\1\0\1\0\7\0\0\0\1\1\0\0\0\0"sv,                                // too short
        "\1\1\0\1\0\10\0\0\0\2\1\0\0\0\0\0\1\4\0\1\0\0\0\0\1\5\0\1\0\0\0"  // an authorizer
        "\0"sv,
        "\1\4\0\1\0\0\0\0"sv,                                   // no begin record
        "\1\2\0\1\0\0\0\0"sv,                                   // an abort without a request
        "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0\1\2\0\1\0\0\0\0"sv,  // an abort
        "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0\1\1\0\2\0\10\0\0\0\1\1\0\0\0\0\0"sv,  // a second request
        "\1\11\0\0\0\21\0\0\17\0FCGI_MPXS_CONNS"sv,                              // GET_VALUES
        "\1\143\0\0\0\0\0\0"sv,                                                  // unknown type
        "\1\143\0\1\xff\xff\xff\0"sv,
        "\xff\xff\xff\xff\xff\xff\xff\xff"sv,
    };
    ServerProcess server;
    std::mt19937 random{20'260'108};
    for (int round = 0; round < 300; ++round) {
        std::string bytes;
        if (const auto i = static_cast<std::size_t>(round); i < std::size(garbage)) {
            bytes = garbage[i];
        } else {
            // Half of the input starts like a request and becomes invalid later, with small
            // lengths.
            const bool is_like_a_request = round % 2 == 0;
            if (is_like_a_request) bytes = get_request("/hello");
            bytes.resize(bytes.empty() ? 0 : random() % bytes.size());
            for (auto count = random() % 300; count > 0; --count)
                bytes += static_cast<char>(random() & (is_like_a_request ? 0x7f : 0xff));
        }
        const auto client = server.connect();
        client.send(bytes);
        client.send_end();
        client.read_all();
    }
    EXPECT_TEXT(server.get("/hello"), "hello");
    expect_clean_end(server);
}

Test(fastcgi, closes_a_connection_with_anything_but_one_request) {
    const auto variables_of_get = stream(4, 1, variables("GET", "/hello"));
    const std::string cases[] = {
        begin_request(1, true, 2) + variables_of_get + record(5, 1, ""),  // an authorizer
        begin_request(0, true) + stream(4, 0, variables("GET", "/hello")) + record(5, 0, ""),
        variables_of_get + record(5, 1, ""),
        begin_request(1, true) + record(5, 1, ""),
        begin_request(1, true) + variables_of_get + record(5, 2, ""),
        begin_request(1, true) + begin_request(1, true),
        begin_request(1, true) + variables_of_get + record(4, 1, variables("GET", "/other")),
        begin_request(1, true) + record(2, 1, ""),  // an abort
        get_request("/hello") + get_request("/hello"),
        begin_request(1, true) + stream(4, 1, parameter("X", std::string(300'000, 'x'))),
        begin_request(1, true) + stream(4, 1, variables("GET", "/hello") + "\x7f\x7f"),
    };
    ServerProcess server;
    for (const auto& bytes : cases) {
        const auto client = server.connect();
        client.send(bytes);
        EXPECT_TEXT(client.read_all(), "");
    }
    EXPECT_TEXT(server.get("/calls"), "0");
}

Test(fastcgi, survives_lengths_that_nothing_follows) {
    static constexpr std::string_view parameters[] = {
        "\x7f\x7f"sv,
        "\x84\0\0\0\1"sv,
        "\1\x84\0\0\0"sv,
        "\x84\0\0\0\x84\0\0\0"sv,
        "\x84\0\0\0\x84\0\0\0REQUEST_METHODGET"sv,
        "\x80\0\0\0\x80\0\0\0"sv,
        "\x80\0\0\16\x80\0\0\3REQUEST_METHOD"sv,
        "\x80"sv,
        "\x80\0\0"sv,
        "\1\x80\0\0"sv,
        "\xff\xff\xff\xff\xff\xff\xff\xff"sv,
        "\xff\xff\xff\xff\1REQUEST_METHODGET"sv,
    };
    ServerProcess server;
    for (const auto content : parameters) {
        const auto client = server.connect();
        client.send(begin_request(1, true) + stream(4, 1, content) + record(5, 1, ""));
        client.send_end();
        client.read_all();
    }
    EXPECT_TEXT(server.get("/hello"), "hello");
    expect_clean_end(server);
}

Test(fastcgi, gives_up_a_peer_that_falls_silent_in_the_middle_of_a_request) {
    ServerProcess server;
    const auto silent = server.connect();
    const auto request = get_request("/hello");
    cr_assert(silent.send(std::string_view{request}.substr(0, request.size() - 20)));
    const auto other = server.connect();
    expect_served(other);
    cr_expect_not(silent.is_readable(), "others were served only when it had been given up");
    EXPECT_TEXT(silent.read_all(), "");
    EXPECT_TEXT(ask(other, get_request("/calls")).body(), "1");
    expect_served(other);
}

Test(fastcgi, survives_peers_that_vanish) {
    ServerProcess server;
    {
        std::vector<Client> clients;
        for (int i = 0; i < 20; ++i) {
            clients.push_back(server.connect());
            cr_assert(clients.back().send(get_request(i % 2 == 0 ? "/hold" : "/large")));
            if (i % 2 == 1) cr_assert(clients.back().is_readable(20'000));
        }
        server.wait_until("/held", "10");
    }
    EXPECT_TEXT(server.get("/release"), "release");
    server.wait_until("/held", "0");
    EXPECT_TEXT(server.get("/hello"), "hello");
    expect_clean_end(server);
}

Test(fastcgi, recovers_when_it_runs_out_of_descriptors) {
    constexpr std::size_t most_descriptors = 40;
    ServerProcess server{most_descriptors};
    {
        std::vector<Client> clients;
        for (int i = 0; i < 60; ++i) clients.push_back(server.connect());
        while (server.descriptors() < most_descriptors) usleep(1'000);
        expect_served(clients.front());
    }
    expect_served(server.connect());
    expect_clean_end(server);
}

// --- resources

Test(fastcgi, keeps_nothing_of_a_connection) {
    ServerProcess server;
    const auto watcher = server.connect();
    const auto serve_clients = [&](int count) {
        for (int i = 0; i < count; ++i) {
            const auto client = server.connect();
            switch (i % 5) {
                case 0: expect_served(client); break;
                case 1: ask(client, get_request("/hello", 1, false)); break;
                case 2: client.send("garbage!"); break;
                case 3: client.send(begin_request(1, true)); break;
                default: break;
            }
            client.send_end();
            client.read_all();
        }
        expect_served(watcher);
    };
    serve_clients(50);
    const auto descriptors = server.descriptors();
    const auto memory = server.memory();
    serve_clients(1000);
    cr_expect_eq(server.descriptors(), descriptors);
    cr_expect_lt(server.memory() - memory, 10'000);
}

Test(fastcgi, keeps_nothing_of_a_request) {
    ServerProcess server;
    std::vector<Client> clients;
    for (int i = 0; i < 16; ++i) clients.push_back(server.connect());
    const auto request = post_request(body_of(100));
    const auto serve_rounds = [&](int rounds) {
        for (int round = 0; round < rounds; ++round) {
            for (const auto& client : clients) cr_assert(client.send(request));
            for (const auto& client : clients) cr_assert_eq(read_answer(client).id, 1);
        }
    };
    serve_rounds(100);
    const auto memory = server.memory();
    const auto resident = server.resident_kib();
    // AddressSanitizer is slow and delays the reuse of freed memory.
    const bool holds_memory_back = __sanitizer_get_current_allocated_bytes != nullptr;
    serve_rounds(holds_memory_back ? 300 : 1250);
    if (!holds_memory_back) cr_expect_lt(server.resident_kib() - resident, 2'000);
    cr_expect_lt(server.memory() - memory, 10'000);
}

// A connection is kept for an hour, and has room for the small requests that most are.
Test(fastcgi, frees_what_a_large_request_took) {
    ServerProcess server;
    std::vector<Client> clients;
    for (int i = 0; i < 16; ++i) clients.push_back(server.connect());
    const auto serve = [&](const std::string& request) {
        for (const auto& client : clients) {
            cr_assert(client.send(request));
            cr_assert_eq(read_answer(client).id, 1);
        }
    };
    serve(post_request(body_of(100)));
    const auto memory = server.memory();
    serve(post_request(body_of(60'000)));
    cr_expect_lt(server.memory() - memory, 16 * 10'000);
}

// --- stopping

Test(fastcgi, ends_at_once_when_nobody_is_connected) {
    for (const int number : {SIGTERM, SIGINT}) {
        ServerProcess server;
        EXPECT_TEXT(server.get("/hello"), "hello");
        server.signal(number);
        cr_expect_eq(server.exit_status(), 0);
    }
}

Test(fastcgi, lets_its_peer_close_idle_connections) {
    ServerProcess server;
    server.close_listener();
    std::vector<Client> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(server.connect());
        expect_served(clients.back());
    }
    server.signal(SIGTERM);
    for (const auto& client : clients) EXPECT_TEXT(client.read(8), stop_record);
    cr_expect_not(server.accepts());
    // The server neither closes these connections nor sends anything else.
    for (const auto& client : clients) cr_expect_not(client.is_readable());
    cr_expect(server.is_alive());
    clients.clear();
    cr_expect_eq(server.exit_status(), 0);
}

Test(fastcgi, serves_a_request_that_crosses_the_stop) {
    ServerProcess server;
    {
        const auto client = server.connect();
        expect_served(client);
        server.signal(SIGTERM);
        EXPECT_TEXT(client.read(8), stop_record);
        for (int i = 0; i < 2; ++i) {
            expect_served(client);
            EXPECT_TEXT(client.read(8), stop_record);
        }
        server.signal(SIGTERM);
        server.signal(SIGINT);
        expect_served(client);
        EXPECT_TEXT(client.read(8), stop_record);
    }
    cr_expect_eq(server.exit_status(), 0);
}

Test(fastcgi, finishes_what_runs_when_it_stops) {
    ServerProcess server;
    {
        const auto running = server.connect();
        const auto idle = server.connect();
        expect_served(idle);
        cr_assert(running.send(get_request("/hold")));
        server.wait_until("/held", "1");
        server.signal(SIGTERM);
        EXPECT_TEXT(idle.read(8), stop_record);
        cr_expect_not(running.is_readable());
        EXPECT_TEXT(ask(idle, get_request("/release")).body(), "release");
        EXPECT_TEXT(read_answer(running).body(), "hold");
        EXPECT_TEXT(running.read(8), stop_record);
        cr_expect(server.is_alive());
    }
    cr_expect_eq(server.exit_status(), 0);
}

Test(fastcgi, finishes_an_answer_that_is_half_written_when_it_stops) {
    ServerProcess server;
    {
        const auto slow = server.connect();
        const auto idle = server.connect();
        expect_served(idle);
        cr_assert(slow.send(get_request("/large")));
        cr_assert(slow.is_readable(20'000));
        server.signal(SIGTERM);
        EXPECT_TEXT(idle.read(8), stop_record);
        cr_expect_eq(read_answer(slow).body().size(), large);
        EXPECT_TEXT(slow.read(8), stop_record);
    }
    cr_expect_eq(server.exit_status(), 0);
}

Test(fastcgi, serves_a_request_that_the_stop_interrupts) {
    ServerProcess server;
    {
        const auto client = server.connect();
        expect_served(client);
        const auto request = post_request(body_of(1'000));
        cr_assert(client.send(std::string_view{request}.substr(0, 600)));
        while (!client.is_all_read() || !server.is_asleep()) usleep(1'000);
        server.signal(SIGTERM);
        EXPECT_TEXT(ask(client, request.substr(600)).body(), std::string(989, 'b'));
        EXPECT_TEXT(client.read(8), stop_record);
    }
    cr_expect_eq(server.exit_status(), 0);
}

// Either this process serves the connection, or its successor finds it on the socket.
Test(fastcgi, loses_no_connection_that_comes_with_the_stop) {
    for (const bool is_stopped_first : {false, true}) {
        ServerProcess server;
        EXPECT_TEXT(server.get("/hello"), "hello");
        server.freeze();
        if (is_stopped_first) server.signal(SIGTERM);
        auto late = server.connect();
        cr_assert(late.send(get_request("/hello")));
        if (!is_stopped_first) server.signal(SIGTERM);
        server.signal(SIGCONT);
        const pid_t former = server.start_successor();
        const auto answer = read_answer(late);
        EXPECT_TEXT(answer.status(), "200");
        EXPECT_TEXT(answer.body(), "hello");
        late.hang_up();
        cr_expect_eq(exit_status_of(former), 0);
        EXPECT_TEXT(server.get("/hello"), "hello");
        expect_clean_end(server);
    }
}

Test(fastcgi, leaves_later_connections_to_its_successor) {
    ServerProcess server;
    EXPECT_TEXT(server.get("/hello"), "hello");
    server.signal(SIGTERM);
    cr_expect_eq(exit_status_of(server.start_successor()), 0);
    expect_served(server.connect());
    expect_clean_end(server);
}

Test(fastcgi, ends_when_the_last_peer_vanishes) {
    ServerProcess server;
    {
        const auto running = server.connect();
        const auto idle = server.connect();
        expect_served(idle);
        cr_assert(running.send(get_request("/large")));
        cr_assert(running.is_readable(20'000));
        server.signal(SIGTERM);
        EXPECT_TEXT(idle.read(8), stop_record);
    }
    cr_expect_eq(server.exit_status(), 0);
}
