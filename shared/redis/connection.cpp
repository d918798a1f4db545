#include "shared/redis/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <utility>

#include "shared/net/resolve.hpp"

namespace {

using boost::asio::redirect_error;
using boost::system::error_code;

// The longest expected reply is one line.
constexpr std::size_t max_reply_bytes = 65'536;

constexpr const char* no_redis = "unexpected reply";

// Converts a reply of hiredis. An array fails the connection before memory is allocated for it.
void* make_text(const redisReadTask* task, char* text, std::size_t size) {
    return new RedisReply{.type = task->type, .text = {text, size}};
}
void* make_array(const redisReadTask*, int) { return nullptr; }
void* make_integer(const redisReadTask* task, long long value) {
    return new RedisReply{.type = task->type, .integer = value, .text = {}};
}
void* make_nil(const redisReadTask* task) { return new RedisReply{.type = task->type, .text = {}}; }
void free_reply(void* reply) { delete static_cast<RedisReply*>(reply); }

redisReplyObjectFunctions functions{make_text, make_array, make_integer, make_nil, free_reply};

// A command in RESP: an array of its words.
std::string formatted(const std::vector<std::string>& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const auto& word : words) {
        texts.push_back(word.data());
        sizes.push_back(word.size());
    }
    char* bytes = nullptr;
    const auto size =
        redisFormatCommandArgv(&bytes, static_cast<int>(words.size()), texts.data(), sizes.data());
    if (size < 0) throw std::bad_alloc{};
    std::string command{bytes, static_cast<std::size_t>(size)};
    redisFreeCommand(bytes);
    return command;
}

}  // namespace

std::string RedisReply::error_code() const {
    const auto word = text.substr(0, text.find(' '));
    const bool is_code = !word.empty() && word.size() <= 32 &&
                         std::all_of(word.begin(), word.end(),
                                     [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
    return is_code ? word : "an error";
}

RedisConnection::RedisConnection(Loop& loop, RedisUrl url)
    : loop_(loop),
      url_(std::move(url)),
      socket_(loop),
      reader_(redisReaderCreateWithFunctions(&functions), &redisReaderFree) {
    if (!reader_) throw std::bad_alloc{};
}

// Runs a coroutine of this connection. An exception must not end the process.
void RedisConnection::start(Async<> work) {
    spawn(loop_, std::move(work), [self = shared_from_this()](const std::exception_ptr& failure) {
        if (failure) self->fail("internal error");
    });
}

Async<RedisReply> RedisConnection::run(std::vector<std::string> words, Clock::time_point latest) {
    const auto self = shared_from_this();
    if (failure_) throw RedisError{*failure_};
    if (!std::exchange(has_begun_, true)) set_up(latest);
    const auto expected = send(words, nullptr);
    Timer timer{loop_, latest};
    // The timer may already have expired when the reply arrives; its handler then runs later.
    timer.async_wait([self, expected](error_code error) {
        if (!error && !expected->is_done) self->fail("no answer in time");
    });
    co_await expected->promise.wait();
    co_return std::move(expected->reply);
}

bool RedisConnection::is_usable() {
    if (failure_) return false;
    if (!is_connected_ || !expected_.empty()) return true;
    char byte = 0;
    return recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

std::shared_ptr<RedisConnection::Expected> RedisConnection::send(
    const std::vector<std::string>& words, const char* setup) {
    unsent_ += formatted(words);
    auto expected = expected_.emplace_back(std::make_shared<Expected>());
    expected->setup = setup;
    move();
    return expected;
}

void RedisConnection::set_up(Clock::time_point latest) {
    if (!url_.password.empty()) {
        std::vector<std::string> words{"AUTH", url_.password};
        if (!url_.user.empty()) words.insert(words.begin() + 1, url_.user);
        send(words, "AUTH");
    }
    if (url_.database != 0) send({"SELECT", std::to_string(url_.database)}, "SELECT");
    start(connect(latest));
}

// Tries one address after the other. The timer of a waiting command ends this as well.
Async<> RedisConnection::connect(Clock::time_point latest) {
    error_code error;
    const auto address = boost::asio::ip::make_address(url_.host, error);
    std::vector<boost::asio::ip::address> addresses;
    if (!error) {
        addresses.push_back(address);
    } else {
        const auto found = co_await resolve_name(loop_, url_.host, latest);
        for (const auto& text : found) addresses.push_back(boost::asio::ip::make_address(text));
        if (found.empty()) fail("the host name cannot be resolved");
    }
    for (const auto& one : addresses) {
        if (failure_) co_return;
        socket_.close(error);
        const boost::asio::ip::tcp::endpoint endpoint{one, url_.port};
        co_await socket_.async_connect(endpoint, redirect_error(use_awaitable, error));
        if (failure_) co_return;
        if (!error) break;
    }
    if (failure_) co_return;
    if (error) co_return fail(error.message());
    error_code ignored;
    socket_.set_option(boost::asio::ip::tcp::no_delay{true}, ignored);
    is_connected_ = true;
    move();
}

// Makes sure that pending commands are sent and expected replies are read.
void RedisConnection::move() {
    if (!is_connected_ || failure_) return;
    if (!unsent_.empty() && !std::exchange(is_writing_, true)) start(write());
    if (!expected_.empty() && !std::exchange(is_reading_, true)) start(read());
}

Async<> RedisConnection::write() {
    while (!unsent_.empty() && !failure_) {
        const auto bytes = std::exchange(unsent_, {});
        error_code error;
        co_await boost::asio::async_write(socket_, boost::asio::buffer(bytes),
                                          redirect_error(use_awaitable, error));
        if (error) fail(error.message());
    }
    is_writing_ = false;
}

Async<> RedisConnection::read() {
    while (!expected_.empty() && !failure_) {
        error_code error;
        const auto size = co_await socket_.async_read_some(boost::asio::buffer(received_),
                                                           redirect_error(use_awaitable, error));
        if (failure_) break;
        if (error)
            fail(error == boost::asio::error::eof ? "the server closed the connection"
                                                  : error.message());
        else
            take(size);
    }
    is_reading_ = false;
}

void RedisConnection::take(std::size_t size) {
    unfinished_ += size;
    if (redisReaderFeed(reader_.get(), received_.data(), size) != REDIS_OK) return fail(no_redis);
    while (!failure_) {
        void* reply = nullptr;
        if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) return fail(no_redis);
        if (!reply) break;
        const std::unique_ptr<RedisReply> owned{static_cast<RedisReply*>(reply)};
        unfinished_ = 0;
        deliver(std::move(*owned));
    }
    if (unfinished_ > max_reply_bytes) fail(no_redis);
}

void RedisConnection::deliver(RedisReply reply) {
    if (expected_.empty()) return fail(no_redis);
    const auto expected = expected_.front();
    if (expected->setup && reply.type == REDIS_REPLY_ERROR)
        return fail(std::string{"the server refuses "} + expected->setup + ": " +
                    reply.error_code());
    expected_.pop_front();
    expected->is_done = true;
    expected->reply = std::move(reply);
    expected->promise.deliver();
}

void RedisConnection::fail(const std::string& reason) {
    if (failure_) return;
    failure_ = reason;
    error_code ignored;
    socket_.close(ignored);
    unsent_.clear();
    const auto failure = std::make_exception_ptr(RedisError{reason});
    for (const auto& lost : std::exchange(expected_, {})) {
        lost->is_done = true;
        lost->promise.deliver(failure);
    }
}
