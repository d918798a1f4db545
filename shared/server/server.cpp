#include "shared/server/server.hpp"

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/redirect_error.hpp>
#include <csignal>
#include <cstdlib>

#include "shared/log.hpp"
#include "shared/server/ready.hpp"

namespace {

using boost::asio::redirect_error;
using boost::system::error_code;

int family_of(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    return address.ss_family;
}

// Becomes readable with the first SIGTERM or SIGINT: a signal handler could not safely use the
// loop.
int stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

void say_ready() {
    const char* const number = std::getenv(ready_variable);
    if (!number) return;
    const int fd = static_cast<int>(std::strtol(number, nullptr, 10));
    [[maybe_unused]] const auto written = write(fd, "\n", 1);
    close(fd);
}

void report(const std::exception_ptr& failure) {
    if (!failure) return;
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        logging::debug("connection ended", {{"reason", std::string_view{error.what()}}});
    }
}

}  // namespace

Server::Server(int listener, Loop& loop, Context& context)
    : loop_(loop),
      context_(context),
      acceptor_(loop, StreamProtocol{family_of(listener), 0}, listener),
      signals_(loop, stop_signals()),
      stop_timer_(loop),
      abort_timer_(loop) {}

void Server::run() {
    [[maybe_unused]] const auto previous = std::signal(SIGPIPE, SIG_IGN);
    say_ready();
    start(accept_connections());
    signals_.async_wait(Descriptor::wait_read, [this](error_code error) {
        if (!error) stop();
    });
    loop_.run();
}

void Server::start(Async<> coroutine) {
    ++running_;
    spawn(loop_, std::move(coroutine), [this](const std::exception_ptr& failure) {
        report(failure);
        if (--running_ == 0) finish();
    });
}

Async<> Server::accept_connections() {
    acceptor_.non_blocking(true);
    while (acceptor_.is_open()) {
        error_code error;
        co_await acceptor_.async_wait(Acceptor::wait_read, redirect_error(use_awaitable, error));
        // One turn of the loop may serve a request on every open connection, on SQLite with a
        // commit. If it accepted only one connection, the k-th connection of a burst would wait for
        // k turns. Accepting as many connections as are open admits a burst within a few turns and
        // leaves some to the endpoint's other processes.
        for (int most = running_; !error && most > 0; --most) {
            Socket socket{loop_};
            acceptor_.accept(socket, error);
            if (!error) start(serve(std::move(socket)));
        }
        const bool is_failure = error && error != boost::asio::error::would_block &&
                                error != boost::asio::error::try_again;
        if (is_failure && acceptor_.is_open()) {
            // For example if the process is out of descriptors: other connections must end first.
            logging::warning("accept failed", {{"reason", std::string_view{error.message()}}});
            co_await sleep_for(std::chrono::milliseconds{100});
        }
    }
}

void Server::stop() {
    is_stopping_ = true;
    acceptor_.close();
    tell_idle_peers();
    for (auto* const stream : streams_) stream->end();
    // Aborts the streams whose peers do not read; the others have ended by now.
    abort_timer_.expires_after(longest_farewell);
    abort_timer_.async_wait([this](error_code error) {
        if (!error)
            for (auto* const stream : streams_) stream->abort();
    });
    stop_timer_.expires_after(longest_stop);
    stop_timer_.async_wait([](error_code error) {
        if (error) return;
        logging::warning("stopped with connections open");
        // Not loop_.stop(): suspended coroutines would outlive the server they refer to.
        std::_Exit(EXIT_SUCCESS);
    });
}

void Server::finish() {
    stop_timer_.cancel();
    abort_timer_.cancel();
    context_.db.close();
}

Server::OpenStream::OpenStream(Server& server, Stream& stream) : server_(server), stream_(stream) {
    server_.streams_.insert(&stream_);
    if (server_.is_stopping_) stream_.end();
}
