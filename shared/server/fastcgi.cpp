// FastCGI over kept-alive connections.

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <list>
#include <unordered_map>
#include <unordered_set>

#include "shared/metrics/counters.hpp"
#include "shared/scope_exit.hpp"
#include "shared/server/records.hpp"
#include "shared/server/request_reader.hpp"
#include "shared/server/serve.hpp"
#include "shared/server/server.hpp"

namespace {

using boost::asio::redirect_error;
using boost::system::error_code;

// A peer that is silent for this time in the middle of a request is given up.
constexpr auto longest_silence = std::chrono::seconds{5};
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

// A connection that nginx opened and keeps.
struct Connection {
    Socket socket;
    RequestReader reader;
    // When the peer is given up.
    Clock::time_point latest = Clock::time_point::max();

    // Whether the peer has closed the connection and no longer waits for the answer. A peer that
    // has only finished sending still waits.
    bool is_abandoned() {
        pollfd closed{socket.native_handle(), 0, 0};
        return poll(&closed, 1, 0) == 1;
    }
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
        : Server{listener, loop, context}, endpoint_(endpoint) {}

private:
    Async<> serve(Socket socket) override {
        Connection connection{std::move(socket), RequestReader{endpoint_.max_body}};
        connections_.insert(&connection);
        const ScopeExit forget_at_end{[&] { connections_.erase(&connection); }};

        auto& reader = connection.reader;
        for (bool is_kept = true; is_kept;) {
            const bool has_request = co_await read_request(connection);
            if (!has_request) break;
            is_kept = reader.is_kept();
            const auto& raw = reader.request();
            // nginx gives up on a request that has waited too long and answers 503 itself.
            const bool may_write = raw.method != "GET" && raw.method != "HEAD";
            if (may_write && connection.is_abandoned()) break;
            const Response response = co_await answer(raw, endpoint_, context());
            if (response.stream()) {
                co_await write_stream(connection, response);
                break;
            }
            co_await write(connection, response);
            reader.clear();
        }
    }

    // Returns false if the connection has ended. Waits before it reads. A recv() first would
    // usually fail and cost as much as the wait, and would leave an event in the reactor that
    // FastCgiStream::watch_peer() would take for the end of the peer.
    Async<bool> read_request(Connection& connection) {
        std::optional<Timer> timer;
        const ScopeExit no_limit_at_end{[&] { connection.latest = Clock::time_point::max(); }};
        for (;;) {
            error_code error;
            co_await connection.socket.async_wait(Socket::wait_read,
                                                  redirect_error(use_awaitable, error));
            if (error) co_return false;
            const auto progress = connection.reader.read_some(connection.socket.native_handle());
            if (progress != RequestReader::Progress::incomplete)
                co_return progress == RequestReader::Progress::complete;
            if (!connection.reader.is_empty())
                give_up_at(connection, timer.emplace(loop(), longest_silence));
        }
    }

    // Makes nginx close idle connections.
    void tell_idle_peers() override {
        for (auto* const connection : connections_)
            if (connection->reader.is_empty())
                send(connection->socket.native_handle(), stop_record.data(), stop_record.size(),
                     MSG_DONTWAIT | MSG_NOSIGNAL);
    }

    // The caller closes the connection afterwards.
    Async<> write_stream(Connection& connection, const Response& response) {
        connection.reader.release();
        const auto stream =
            std::make_shared<FastCgiStream>(loop(), connection.socket, connection.reader.id());
        stream->watch_peer();
        const ScopeExit forget_at_end{[&] { stream->forget_socket(); }};
        const OpenStream open{*this, *stream};
        const metrics::Present counted{metrics::Stream::sse};
        co_await stream->write(cgi_head(response));
        co_await response.stream()(*stream);
        ResponseRecords end{connection.reader.id(), {}, {}};
        end.write_some(connection.socket.native_handle());
    }

    Async<> write(Connection& connection, const Response& response) {
        const std::string head = cgi_head(response);
        ResponseRecords records{connection.reader.id(), head, response.body()};
        std::optional<Timer> timer;
        auto slow = slow_answers_.end();
        const ScopeExit forget_at_end{[&] {
            connection.latest = Clock::time_point::max();
            if (slow != slow_answers_.end()) slow_answers_.erase(slow);
        }};
        for (;;) {
            // Checked each time, because the stop may come while the peer reads.
            if (is_stopping()) records.add_stop_record();
            if (records.write_some(connection.socket.native_handle())) break;
            if (!timer) {
                give_up_at(connection, timer.emplace(loop(), longest_write));
                slow =
                    slow_answers_.insert(slow_answers_.end(), {connection.socket, response.body()});
                drop_oldest();
            }
            if (slow->is_dropped) throw boost::system::system_error{boost::asio::error::timed_out};
            co_await connection.socket.async_wait(Socket::wait_write, use_awaitable);
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

    // Ends what the connection waits for when the timer expires. The handler may already be queued
    // when the timer is cancelled, and the peer is not late then.
    void give_up_at(Connection& connection, Timer& timer) {
        connection.latest = timer.expiry();
        timer.async_wait([this, &connection](error_code error) {
            if (error || !connections_.contains(&connection)) return;
            if (Clock::now() >= connection.latest) connection.socket.cancel(error);
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
