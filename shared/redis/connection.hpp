// One pipelined connection to Redis: hiredis writes commands and reads replies, Asio moves the
// bytes.
//
// It reads only while a reply is expected, so an idle connection keeps no loop running. is_usable()
// detects what arrived meanwhile, for example the end of the connection.
#pragma once

#include <hiredis/hiredis.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "shared/promise.hpp"
#include "shared/redis/url.hpp"

// The reason for a missing reply. Safe to log: it contains no part of a command, a password or a
// URL.
class RedisError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// A reply of RESP 2 that is not an array.
struct RedisReply {
    int type = REDIS_REPLY_NIL;  // REDIS_REPLY_…
    std::int64_t integer = 0;
    std::string text;  // of a string, a status or an error

    // The first word of an error: "NOSCRIPT", "OOM". The rest may quote the command.
    std::string error_code() const;
};

class RedisConnection : public std::enable_shared_from_this<RedisConnection> {
public:
    RedisConnection(Loop& loop, RedisUrl url);
    RedisConnection(const RedisConnection&) = delete;
    RedisConnection& operator=(const RedisConnection&) = delete;

    // Sends a command. The first one connects, with AUTH and SELECT sent first in the same bytes if
    // the URL requires them. An error from Redis is a reply like any other. Throws RedisError if
    // the connection fails: it cannot be opened, is closed, receives an invalid reply, AUTH or
    // SELECT is refused, or there is no reply at `latest`, name resolution included. The connection
    // is then closed, and fails all commands in progress and all later ones.
    Async<RedisReply> run(std::vector<std::string> words, Clock::time_point latest);

    // False if it has failed, or if an unexpected reply has arrived.
    bool is_usable();

private:
    struct Expected {
        const char* setup = nullptr;  // the command's name if its error fails the connection
        RedisReply reply;
        bool is_done = false;
        Promise promise;
    };
    using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Loop::executor_type>;
    using Reader = std::unique_ptr<redisReader, decltype(&redisReaderFree)>;

    std::shared_ptr<Expected> send(const std::vector<std::string>& words, const char* setup);
    void start(Async<> work);
    void set_up(Clock::time_point latest);
    Async<> connect(Clock::time_point latest);
    void move();
    Async<> write();
    Async<> read();
    void take(std::size_t size);
    void deliver(RedisReply reply);
    void fail(const std::string& reason);

    Loop& loop_;
    const RedisUrl url_;
    Socket socket_;
    Reader reader_;
    std::array<char, 4096> received_{};
    std::size_t unfinished_ = 0;  // bytes since the last complete reply
    std::string unsent_;
    std::deque<std::shared_ptr<Expected>> expected_;
    std::optional<std::string> failure_;
    bool has_begun_ = false;
    bool is_connected_ = false;
    bool is_writing_ = false;
    bool is_reading_ = false;
};
