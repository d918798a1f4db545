#include "tests/support/proxy.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <set>
#include <vector>

#include "shared/async.hpp"

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Address = asio::ip::tcp::endpoint;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Loop::executor_type>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Loop::executor_type>;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, Loop::executor_type>;

struct Link {
    explicit Link(Loop& loop) : client(loop), server(loop) {}
    Socket client;
    Socket server;
    bool server_spoke_last = false;
    bool is_silent = false;
};

}  // namespace

struct Proxy::State {
    explicit State(unsigned short port, std::chrono::microseconds delay)
        : acceptor(loop, Address{asio::ip::address_v4::loopback(), 0}),
          upstream{asio::ip::address_v4::loopback(), port},
          one_way(delay) {}

    Async<> accept() {
        for (;;) {
            error_code error;
            auto link = std::make_shared<Link>(loop);
            co_await acceptor.async_accept(link->client,
                                           asio::redirect_error(use_awaitable, error));
            if (error) co_return;
            if (is_away) continue;
            co_await link->server.async_connect(upstream,
                                                asio::redirect_error(use_awaitable, error));
            if (error) continue;
            link->client.set_option(asio::ip::tcp::no_delay{true});
            link->server.set_option(asio::ip::tcp::no_delay{true});
            ++connections;
            links.insert(link);
            spawn(pump(link, true));
            spawn(pump(link, false));
        }
    }

    void spawn(Async<> coroutine) {
        asio::co_spawn(loop, std::move(coroutine), [](const std::exception_ptr&) {});
    }

    Async<> pump(std::shared_ptr<Link> link, bool is_from_client) {
        auto& from = is_from_client ? link->client : link->server;
        auto& to = is_from_client ? link->server : link->client;
        std::vector<char> buffer(64 * 1024);
        for (;;) {
            error_code error;
            const auto size = co_await from.async_read_some(
                asio::buffer(buffer), asio::redirect_error(use_awaitable, error));
            if (error) break;
            if (is_from_client && link->server_spoke_last) ++round_trips;
            link->server_spoke_last = !is_from_client;
            auto chunk =
                std::make_shared<std::vector<char>>(buffer.begin(), buffer.begin() + long(size));
            if (one_way.count() == 0 && !is_stalled && !link->is_silent)
                co_await asio::async_write(to, asio::buffer(*chunk), use_awaitable);
            else
                spawn(deliver(link, is_from_client, std::move(chunk)));
        }
        if (is_stalled || link->is_silent) co_return;
        // Delayed chunks must arrive before the connection closes.
        Timer timer{loop, one_way};
        co_await timer.async_wait(use_awaitable);
        error_code ignored;
        to.close(ignored);
        links.erase(link);
    }

    // Timers of equal length expire in the order in which they were set.
    Async<> deliver(std::shared_ptr<Link> link, bool is_from_client,
                    std::shared_ptr<std::vector<char>> chunk) {
        Timer timer{loop, one_way};
        co_await timer.async_wait(use_awaitable);
        if (is_stalled || link->is_silent) co_return;
        auto& to = is_from_client ? link->server : link->client;
        co_await asio::async_write(to, asio::buffer(*chunk), use_awaitable);
    }

    void cut_all() {
        for (const auto& link : links) {
            error_code ignored;
            link->client.close(ignored);
            link->server.close(ignored);
        }
        links.clear();
    }

    Loop loop{1};
    Acceptor acceptor;
    Address upstream;
    std::chrono::microseconds one_way;
    std::set<std::shared_ptr<Link>> links;
    std::atomic<int> round_trips = 0;
    std::atomic<int> connections = 0;
    std::atomic<bool> is_stalled = false;
    std::atomic<bool> is_away = false;
};

Proxy::Proxy(unsigned short upstream_port, std::chrono::microseconds one_way)
    : state_(std::make_shared<State>(upstream_port, one_way)),
      port_(state_->acceptor.local_endpoint().port()) {
    state_->spawn(state_->accept());
    thread_ = std::thread{[state = state_.get()] { state->loop.run(); }};
}

Proxy::~Proxy() {
    close();
    state_->loop.stop();
    thread_.join();
}

int Proxy::round_trips() const { return state_->round_trips; }

int Proxy::connections() const { return state_->connections; }

void Proxy::stall() { state_->is_stalled = true; }

void Proxy::fall_silent() {
    std::promise<void> done;
    asio::post(state_->loop, [&] {
        for (const auto& link : state_->links) link->is_silent = true;
        done.set_value();
    });
    done.get_future().wait();
}

void Proxy::go_away() {
    state_->is_away = true;
    cut();
}

void Proxy::come_back() { state_->is_away = false; }

void Proxy::cut() {
    // A handler in a stopped loop must not own the state, because the state owns the loop.
    asio::post(state_->loop, [state = state_.get()] { state->cut_all(); });
}

void Proxy::close() {
    asio::post(state_->loop, [state = state_.get()] {
        error_code ignored;
        state->acceptor.close(ignored);
        state->cut_all();
    });
}
