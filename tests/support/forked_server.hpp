// A server in a process of its own.
#pragma once

#include <sys/types.h>

#include <functional>

class ForkedServer {
public:
    // `serve` gets a listening socket of loopback, serves on it until SIGTERM and closes it. In
    // its process nothing else is open.
    explicit ForkedServer(const std::function<void(int listener)>& serve);
    // SIGTERM, and waits; fails the test when it does not end cleanly.
    ~ForkedServer();
    ForkedServer(const ForkedServer&) = delete;
    ForkedServer& operator=(const ForkedServer&) = delete;

    int port() const { return port_; }

private:
    int port_;
    pid_t pid_ = -1;
};
