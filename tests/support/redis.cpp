#include "tests/support/redis.hpp"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "tests/support/expect.hpp"
#include "tests/support/ports.hpp"

namespace {

using RedisContext = std::unique_ptr<redisContext, decltype(&redisFree)>;

// Returns the reply as text, or an empty text without a reply.
std::string said(redisContext* context, const std::vector<std::string>& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const auto& word : words) {
        texts.push_back(word.data());
        sizes.push_back(word.size());
    }
    const std::unique_ptr<void, decltype(&freeReplyObject)> owned{
        redisCommandArgv(context, static_cast<int>(words.size()), texts.data(), sizes.data()),
        &freeReplyObject};
    const auto* const reply = static_cast<const redisReply*>(owned.get());
    if (!reply) return "";
    if (reply->type == REDIS_REPLY_NIL) return "(nil)";
    if (reply->type == REDIS_REPLY_INTEGER) return std::to_string(reply->integer);
    if (reply->type == REDIS_REPLY_ARRAY) return std::to_string(reply->elements) + " elements";
    return {reply->str, static_cast<std::size_t>(reply->len)};
}

}  // namespace

RedisServer::RedisServer(std::string password)
    : password_(std::move(password)), port_(free_port()) {
    start();
}

RedisServer::~RedisServer() { kill(); }

std::string RedisServer::url() const {
    return "redis://" + (password_.empty() ? "" : ":" + password_ + "@") +
           "127.0.0.1:" + std::to_string(port_);
}

void RedisServer::start() {
    std::vector<std::string> words{
        "redis-server", "--bind", "127.0.0.1",  "--port", std::to_string(port_), "--save", "",
        "--appendonly", "no",     "--loglevel", "warning"};
    if (!password_.empty()) words.insert(words.end(), {"--requirepass", password_});
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const pid_t parent = getpid();
    pid_ = fork();
    cr_assert_geq(pid_, 0);
    if (pid_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(127);
        const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, fd);
        close_range(3, ~0U, 0);
        execvp(arguments[0], arguments.data());
        _exit(127);
    }
    wait_until("Redis answers", [&] { return run({"PING"}) == "PONG"; });
}

void RedisServer::kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(std::exchange(pid_, 0), nullptr, 0);
}

void RedisServer::pause() const {
    ::kill(pid_, SIGSTOP);
    int status = 0;
    cr_assert(waitpid(pid_, &status, WUNTRACED) == pid_ && WIFSTOPPED(status));
}

void RedisServer::resume() const { ::kill(pid_, SIGCONT); }

std::string RedisServer::run(const std::vector<std::string>& words, int database) const {
    const RedisContext context{redisConnectWithTimeout("127.0.0.1", port_, timeval{5, 0}),
                               &redisFree};
    if (!context || context->err != 0) return "";
    redisSetTimeout(context.get(), timeval{5, 0});
    if (!password_.empty()) said(context.get(), {"AUTH", password_});
    if (database != 0) said(context.get(), {"SELECT", std::to_string(database)});
    return said(context.get(), words);
}

FakeRedis::FakeRedis(std::string answer)
    : answer_(std::move(answer)), port_(free_port()), listener_(listen_on_port(port_)) {
    thread_ = std::thread{[this] { serve(); }};
}

FakeRedis::~FakeRedis() {
    shutdown(listener_, SHUT_RDWR);  // ends accept()
    thread_.join();
    close(listener_);
}

std::string FakeRedis::url() const { return "redis://127.0.0.1:" + std::to_string(port_); }

void FakeRedis::serve() const {
    for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; close(fd)) {
        char bytes[4096];
        if (read(fd, bytes, sizeof bytes) <= 0) continue;
        send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);
        // The client closes the connection, unless there is no answer.
        while (!answer_.empty() && read(fd, bytes, sizeof bytes) > 0) continue;
    }
}
