// What all servers share: they accept connections and, when told to stop, wait until the last
// connection has ended.
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

// How long a stopping server waits for requests in progress before it ends the process.
inline constexpr auto longest_stop = std::chrono::seconds{8};
// How much of that time a stream gets whose peer does not read.
inline constexpr auto longest_farewell = std::chrono::seconds{3};

class Server {
public:
    // Takes the listening socket `listener`; a stop closes it. Create the server before any other
    // thread: it blocks SIGTERM and SIGINT in this thread and in those that this thread starts.
    Server(int listener, Loop& loop, Context& context);
    virtual ~Server() = default;
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Serves until the first SIGTERM or SIGINT, which stays pending. Then it lets requests finish,
    // ends streams, closes the database and returns; after `longest_stop` it ends the process
    // instead. From here on the process ignores SIGPIPE. Reports that it is ready
    // (shared/server/ready.hpp).
    void run();

protected:
    // Serves one connection to its end. An exception ends this connection only.
    virtual Async<> serve(Socket socket) = 0;

    // Called when the server stops, before it ends the streams.
    virtual void tell_idle_peers() {}

    // Runs a coroutine. The server ends after the last of them.
    void start(Async<> coroutine);

    Loop& loop() const { return loop_; }
    Context& context() const { return context_; }
    bool is_stopping() const { return is_stopping_; }

    // Registers a stream for its lifetime. A stop ends the stream and aborts it `longest_farewell`
    // later. A stream that opens during a stop is ended at once.
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
