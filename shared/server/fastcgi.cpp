// FastCGI over kept-alive connections. libfcgi reads requests, Asio watches the descriptors, and
// records.cpp writes the answers. libfcgi needs blocking descriptors and Asio makes them
// non-blocking, which is the reason for the lines below that look odd.

#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <list>
#include <unordered_map>
#include <unordered_set>

#include "shared/scope_exit.hpp"
#include "shared/server/raw_request.hpp"
#include "shared/server/records.hpp"
#include "shared/server/serve.hpp"
#include "shared/server/server.hpp"

namespace {

using boost::asio::redirect_error;
using boost::system::error_code;

// An answer is dropped after this time if the peer reads too slowly.
constexpr auto longest_write = std::chrono::seconds{30};
// What the bodies of answers that peers read slowly may take in one process. Beyond it the oldest
// of these answers are dropped, but never the only one.
constexpr std::size_t max_slow_bytes = 67'108'864;

// An answer that its peer did not take at once.
struct SlowAnswer {
    Socket& socket;
    std::string_view body;
    bool is_dropped = false;
};

// Answers may share a body.
std::size_t bytes_of(const std::list<SlowAnswer>& answers) {
    std::unordered_map<const char*, std::size_t> sizes;
    for (const auto& answer : answers)
        if (!answer.is_dropped) sizes[answer.body.data()] = answer.body.size();
    std::size_t sum = 0;
    for (const auto& [body, size] : sizes) sum += size;
    return sum;
}

// A connection that nginx opened and keeps, with libfcgi's state for it.
class Connection {
public:
    explicit Connection(Socket socket) : socket_(std::move(socket)) {
        const int fd = socket_.native_handle();
        // Asio must believe that the descriptor is non-blocking; otherwise async_wait() makes it
        // so. libfcgi takes EAGAIN for an error and needs a blocking one.
        socket_.native_non_blocking(true);
        fcntl(fd, F_SETFL, 0);
        // Bounds how long a peer that stops in the middle of a request can block the loop.
        const timeval timeout{2, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);

        FCGX_InitRequest(&request_, -1, 0);  // -1: FCGX_Accept_r never waits in accept()
        // libfcgi closes its own descriptor, Asio closes the other one.
        request_.ipcFd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        FCGX_Detach(&request_);  // closes without shutdown() and a 2 s wait
    }

    ~Connection() {
        if (request_.ipcFd >= 0) FCGX_Free(&request_, 1);
    }

    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Socket& socket() { return socket_; }

    // Whether nginx may close this connection, or send a request on it, at any moment.
    bool is_idle() const { return is_idle_; }

    // Waits for the first byte of a request; returns false if the peer has closed the connection. A
    // receive with MSG_PEEK would block because Asio tries at once. With MSG_DONTWAIT it would cost
    // a failing recv() where async_wait() costs an epoll_ctl(), and leave an event behind that
    // FastCgiStream::watch_peer() would take for the end of the peer.
    Async<bool> wait_for_request() {
        error_code error;
        is_idle_ = true;
        auto first = FirstByte::none_yet;
        while (!error && first == FirstByte::none_yet) {
            co_await socket_.async_wait(Socket::wait_read, redirect_error(use_awaitable, error));
            if (!error) first = peek();
        }
        is_idle_ = false;
        co_return first == FirstByte::is_there;
    }

    // Reads one request with its whole body; false if it is incomplete or not FastCGI.
    bool read_request(std::string& body, std::size_t max_body) {
        request_.keepConnection = 1;  // otherwise FCGX_Accept_r closes ipcFd first
        if (FCGX_Accept_r(&request_) != 0) return false;
        // Reads to the end even for GET: the rest of stdin would corrupt the next request.
        char buffer[16 * 1024];
        body.clear();
        for (;;) {
            const int count = FCGX_GetStr(buffer, sizeof buffer, request_.in);
            if (count <= 0) break;
            if (body.size() <= max_body) body.append(buffer, static_cast<std::size_t>(count));
        }
        // FCGX_Accept_r also returns 0 for incomplete parameters.
        return FCGX_GetError(request_.in) == 0;
    }

    // Whether the peer has closed the connection and no longer waits for the answer. A peer that
    // has only finished sending still waits.
    bool is_abandoned() {
        pollfd closed{socket_.native_handle(), 0, 0};
        return poll(&closed, 1, 0) == 1;
    }

    const char* const* variables() const { return request_.envp; }
    bool is_kept() const { return request_.keepConnection != 0; }
    std::uint16_t request_id() const { return static_cast<std::uint16_t>(request_.requestId); }

    // Releases the request; its variables become invalid.
    void end_request() { FCGX_Free(&request_, 0); }

    // Releases the last request together with libfcgi's buffers. The socket stays open.
    void end_last_request() { FCGX_Free(&request_, 1); }

private:
    enum class FirstByte { none_yet, is_there, never };

    // libfcgi would block if the wake-up was spurious.
    FirstByte peek() {
        char byte = 0;
        const auto count = recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (count > 0) return FirstByte::is_there;
        const bool is_early = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        return count < 0 && is_early ? FirstByte::none_yet : FirstByte::never;
    }

    Socket socket_;
    FCGX_Request request_{};
    bool is_idle_ = false;
};

// The rest of a connection whose last answer is a stream. It may outlive its coroutine by one turn
// of the loop because of pending waits on the socket.
class FastCgiStream final : public Stream, public std::enable_shared_from_this<FastCgiStream> {
public:
    FastCgiStream(Loop& loop, Socket& socket, std::uint16_t request_id)
        : Stream{loop}, loop_(loop), socket_(&socket), request_id_(request_id) {}

    // From now on a peer that closes the connection ends the stream: nginx sends nothing else.
    void watch_peer() {
        socket_->async_wait(Socket::wait_read,
                            [self = shared_from_this()](error_code) { self->end(); });
    }

    // Call this before the socket is closed.
    void forget_socket() { socket_ = nullptr; }

    Async<> write(std::string_view bytes) override {
        constexpr std::size_t slice = 65'536;
        std::string records;
        std::string_view rest;
        std::optional<Timer> timer;
        for (;;) {
            if (rest.empty()) {
                if (bytes.empty()) break;
                records = stdout_records(request_id_, bytes.substr(0, slice));
                bytes.remove_prefix(std::min(slice, bytes.size()));
                rest = records;
            }
            if (is_aborted_) throw std::system_error(ECANCELED, std::generic_category(), "stream");
            const auto sent = send(socket_->native_handle(), rest.data(), rest.size(),
                                   MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent > 0) {
                rest.remove_prefix(static_cast<std::size_t>(sent));
                continue;
            }
            if (errno == EINTR) continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK)
                throw std::system_error(errno, std::generic_category(), "stream");
            if (!timer) {
                timer.emplace(loop_, longest_write);
                timer->async_wait([weak = weak_from_this()](error_code error) {
                    const auto self = weak.lock();
                    if (!error && self) self->abort();
                });
            }
            co_await socket_->async_wait(Socket::wait_write, use_awaitable);
        }
    }

    void abort() override {
        is_aborted_ = true;
        error_code error;
        if (socket_) socket_->cancel(error);
    }

private:
    Loop& loop_;
    Socket* socket_;
    std::uint16_t request_id_;
    bool is_aborted_ = false;
};

class FastCgiServer final : public Server {
public:
    FastCgiServer(int listener, Loop& loop, const Endpoint& endpoint, Context& context)
        : Server{listener, loop, context}, endpoint_(endpoint) {
        // It installs handlers for SIGTERM, SIGUSR1 and SIGPIPE. Only the second one has an effect:
        // SIGTERM is already blocked, and run() ignores SIGPIPE.
        FCGX_Init();
    }

private:
    Async<> serve(Socket socket) override {
        Connection connection{std::move(socket)};
        connections_.insert(&connection);
        const ScopeExit forget_at_end{[&] { connections_.erase(&connection); }};

        std::string body;
        for (bool is_kept = true; is_kept;) {
            const bool has_request = co_await connection.wait_for_request();
            if (!has_request || !connection.read_request(body, endpoint_.max_body)) break;
            is_kept = connection.is_kept();
            RawRequest raw = read_variables(connection.variables());
            // nginx gives up on a request that has waited too long and answers 503 itself.
            const bool may_write = raw.method != "GET" && raw.method != "HEAD";
            if (may_write && connection.is_abandoned()) break;
            raw.is_body_too_large = body.size() > endpoint_.max_body;
            if (!raw.is_body_too_large) raw.body = body;
            const Response response = co_await answer(raw, endpoint_, context());
            if (response.stream()) {
                connection.end_last_request();
                co_await write_stream(connection, response);
                break;
            }
            connection.end_request();
            co_await write(connection, response);
        }
    }

    // Makes nginx close idle connections.
    void tell_idle_peers() override {
        for (auto* const connection : connections_)
            if (connection->is_idle())
                send(connection->socket().native_handle(), stop_record.data(), stop_record.size(),
                     MSG_DONTWAIT | MSG_NOSIGNAL);
    }

    // The caller closes the connection afterwards.
    Async<> write_stream(Connection& connection, const Response& response) {
        const auto stream =
            std::make_shared<FastCgiStream>(loop(), connection.socket(), connection.request_id());
        stream->watch_peer();
        const ScopeExit forget_at_end{[&] { stream->forget_socket(); }};
        const OpenStream open{*this, *stream};
        co_await stream->write(cgi_head(response));
        co_await response.stream()(*stream);
        ResponseRecords end{connection.request_id(), {}, {}};
        end.write_some(connection.socket().native_handle());
    }

    Async<> write(Connection& connection, const Response& response) {
        const std::string head = cgi_head(response);
        ResponseRecords records{connection.request_id(), head, response.body()};
        std::optional<Timer> timer;
        auto slow = slow_answers_.end();
        const ScopeExit forget_at_end{[&] {
            if (slow != slow_answers_.end()) slow_answers_.erase(slow);
        }};
        for (;;) {
            // Checked each time, because the stop may come while the peer reads.
            if (is_stopping()) records.add_stop_record();
            if (records.write_some(connection.socket().native_handle())) break;
            if (!timer) {
                close_later(connection.socket(), timer.emplace(loop(), longest_write));
                slow = slow_answers_.insert(slow_answers_.end(),
                                            {connection.socket(), response.body()});
                drop_oldest();
            }
            if (slow->is_dropped) throw boost::system::system_error{boost::asio::error::timed_out};
            co_await connection.socket().async_wait(Socket::wait_write, use_awaitable);
        }
    }

    void drop_oldest() {
        for (auto& answer : slow_answers_) {
            if (&answer == &slow_answers_.back() || bytes_of(slow_answers_) <= max_slow_bytes)
                return;
            answer.is_dropped = true;
            error_code ignored;
            answer.socket.cancel(ignored);
        }
    }

    void close_later(Socket& socket, Timer& timer) {
        timer.async_wait([this, &socket](error_code error) {
            // The timer may have expired just before the connection ended.
            const bool is_open = std::any_of(
                connections_.begin(), connections_.end(),
                [&](auto* const connection) { return &connection->socket() == &socket; });
            if (!error && is_open) socket.cancel(error);
        });
    }

    const Endpoint& endpoint_;
    std::unordered_set<Connection*> connections_;
    std::list<SlowAnswer> slow_answers_;  // the oldest first
};

}  // namespace

void serve_fastcgi(int listener, Loop& loop, const Endpoint& endpoint, Context& context) {
    FastCgiServer{listener, loop, endpoint, context}.run();
}
