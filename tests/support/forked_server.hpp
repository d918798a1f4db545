// A server in a process of its own.
#pragma once

#include <sys/types.h>

#include <functional>

class ForkedServer {
public:
    // `serve` receives a listening socket on loopback, serves on it until SIGTERM and closes it.
    // Apart from the standard streams its process has no other open descriptors.
    explicit ForkedServer(const std::function<void(int listener)>& serve);
    // Sends SIGTERM and waits. Fails the test unless the server ends cleanly.
    ~ForkedServer();
    ForkedServer(const ForkedServer&) = delete;
    ForkedServer& operator=(const ForkedServer&) = delete;

    int port() const { return port_; }

private:
    int port_;
    pid_t pid_ = -1;
};
