// A TCP proxy on loopback between a client and its database. It counts round trips on the wire,
// adds latency, and stalls or cuts connections. It runs in a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "tests/support/ports.hpp"

class Proxy {
public:
    // Listens on a free port and forwards to 127.0.0.1:upstream_port. Each chunk of bytes is
    // delayed by `one_way` in either direction.
    explicit Proxy(unsigned short upstream_port,
                   std::chrono::microseconds one_way = std::chrono::microseconds{0});
    ~Proxy();
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;

    unsigned short port() const { return port_; }

    // Counts how often a client has sent again after the server, over all connections: the number
    // of round trips without the first of each connection.
    int round_trips() const;

    int connections() const;

    // From now on nothing is forwarded in either direction, and nothing is closed.
    void stall();

    // The present connections forward nothing any more, and are not closed. New ones work.
    void fall_silent();

    // Closes all connections, and each new one at once, until come_back().
    void go_away();
    void come_back();

    // Closes all connections. close() also closes the listening socket.
    void cut();
    void close();

private:
    struct State;
    std::shared_ptr<State> state_;
    unsigned short port_;
    std::thread thread_;
};
