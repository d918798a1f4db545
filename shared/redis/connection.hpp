// One pipelined connection to Redis: hiredis writes commands and reads replies, Asio moves the
// bytes.
//
// It reads only while a reply is due, so an idle connection keeps no loop running. What came in the
// meantime, be it the end of the connection, is_usable() sees before it is used again.
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

// Why there is no reply. Safe to log: it holds no word of a command, a password or a URL.
class RedisError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// One reply of RESP 2 that is no array.
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

    // Sends a command; the first one connects, with AUTH and SELECT where the URL has them ahead of
    // it in the same bytes. An error that Redis answers is a reply as any other. Throws RedisError
    // when the connection fails: it cannot be connected, is closed, sends what is no reply or
    // refuses AUTH or SELECT, or when there is no reply at `latest`, name resolution included. Then
    // it is closed, and fails all that is under way on it and all that comes later.
    Async<RedisReply> run(std::vector<std::string> words, Clock::time_point latest);

    // False when it has failed, or when something has come that nobody waits for.
    bool is_usable();

private:
    struct Expected {
        const char* setup = nullptr;  // the command's name where its error fails the connection
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
    std::size_t unfinished_ = 0;  // bytes since the last whole reply
    std::string unsent_;
    std::deque<std::shared_ptr<Expected>> expected_;
    std::optional<std::string> failure_;
    bool has_begun_ = false;
    bool is_connected_ = false;
    bool is_writing_ = false;
    bool is_reading_ = false;
};
