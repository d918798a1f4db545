// A Redis of the test's own, and something that says it is one.
#pragma once

#include <sys/types.h>

#include <string>
#include <thread>
#include <vector>

// redis-server on a free port of loopback, without persistence. It ends with the thread that
// started it.
class RedisServer {
public:
    // Starts it and waits until it answers. With a password it refuses those who have none.
    explicit RedisServer(std::string password = "");
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    // redis://[:password@]127.0.0.1:port
    std::string url() const;
    int port() const { return port_; }

    // SIGKILL; its data are gone. And again on the same port.
    void kill();
    void start();

    // SIGSTOP, SIGCONT: connections are taken by the kernel, and nothing is answered.
    void pause() const;
    void resume() const;

    // One command in the database; its reply as text: "OK", "3", "(nil)", "ERR …".
    std::string run(const std::vector<std::string>& words, int database = 0) const;

private:
    std::string password_;
    int port_ = 0;
    pid_t pid_ = 0;
};

// Takes connections on loopback, one at a time, and sends each the same bytes once it has said
// something.
class FakeRedis {
public:
    explicit FakeRedis(std::string answer);
    ~FakeRedis();
    FakeRedis(const FakeRedis&) = delete;
    FakeRedis& operator=(const FakeRedis&) = delete;

    std::string url() const;

private:
    void serve() const;

    std::string answer_;
    int port_ = 0;
    int listener_ = -1;
    std::thread thread_;
};
