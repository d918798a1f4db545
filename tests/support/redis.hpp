// A Redis server for one test, and a server that imitates Redis.
#pragma once

#include <sys/types.h>

#include <string>
#include <thread>
#include <vector>

// A redis-server on a free port of loopback, without persistence. It ends with the thread that
// started it.
class RedisServer {
public:
    // Starts the server and waits until it answers. With a password, it refuses clients without it.
    explicit RedisServer(std::string password = "");
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    // redis://[:password@]127.0.0.1:port
    std::string url() const;
    int port() const { return port_; }

    // kill() sends SIGKILL, which loses all data. start() starts the server again on the same port.
    void kill();
    void start();

    // Sends SIGSTOP or SIGCONT. While paused the kernel accepts connections, but nothing is
    // answered.
    void pause() const;
    void resume() const;

    // Runs a command in the database and returns the reply as text: "OK", "3", "(nil)", "ERR …".
    std::string run(const std::vector<std::string>& words, int database = 0) const;

private:
    std::string password_;
    int port_ = 0;
    pid_t pid_ = 0;
};

// Accepts one connection at a time on loopback. Sends the same bytes to each client as soon as the
// client has sent something.
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
