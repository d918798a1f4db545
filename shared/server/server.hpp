// What every server of connections does alike: it accepts them, and when it is told to stop it
// waits for the last of them.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <chrono>
#include <unordered_set>

#include "shared/context.hpp"
#include "shared/endpoint.hpp"
#include "shared/http/stream.hpp"

using StreamProtocol = boost::asio::generic::stream_protocol;
using Socket = boost::asio::basic_stream_socket<StreamProtocol, Loop::executor_type>;

// How long a server that was told to stop waits for what runs, before it ends the process.
inline constexpr auto longest_stop = std::chrono::seconds{8};
// Of that, for a stream whose peer does not read.
inline constexpr auto longest_farewell = std::chrono::seconds{3};

class Server {
public:
    // Takes the listening socket `listener`, which is closed by a stop. Make it before any other
    // thread: from here on SIGTERM and SIGINT are blocked, in this one and those that it starts.
    Server(int listener, Loop& loop, Context& context);
    virtual ~Server() = default;
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Serves until the first SIGTERM or SIGINT, which stays pending. Then lets requests finish,
    // ends streams, closes the database and returns; after `longest_stop` it ends the process
    // instead. The process ignores SIGPIPE from here on. Says that it is ready where somebody asks
    // (shared/server/ready.hpp).
    void run();

protected:
    // Serves one connection to its end. What it throws ends this connection alone.
    virtual Async<> serve(Socket socket) = 0;

    // Called at a stop, before any stream is told.
    virtual void tell_idle_peers() {}

    // Runs a coroutine that the server lives for: with the last of them it ends.
    void start(Async<> coroutine);

    Loop& loop() const { return loop_; }
    Context& context() const { return context_; }
    bool is_stopping() const { return is_stopping_; }

    // While it lives, a stop ends the stream, and `longest_farewell` later aborts it. During a stop
    // the stream is over at once.
    class OpenStream {
    public:
        OpenStream(Server& server, Stream& stream);
        ~OpenStream() { server_.streams_.erase(&stream_); }
        OpenStream(const OpenStream&) = delete;
        OpenStream& operator=(const OpenStream&) = delete;

    private:
        Server& server_;
        Stream& stream_;
    };

private:
    using Acceptor = boost::asio::basic_socket_acceptor<StreamProtocol, Loop::executor_type>;
    using Descriptor = boost::asio::posix::basic_stream_descriptor<Loop::executor_type>;

    Async<> accept_connections();
    void stop();
    void finish();

    Loop& loop_;
    Context& context_;
    Acceptor acceptor_;
    Descriptor signals_;
    Timer stop_timer_;
    Timer abort_timer_;
    std::unordered_set<Stream*> streams_;
    int running_ = 0;  // coroutines that start() began
    bool is_stopping_ = false;
};
