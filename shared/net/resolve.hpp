// Host names, of a connection URL for one. libpq would look them up inside its call and hold up the
// loop.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "shared/async.hpp"

// One address of a host. What is empty is left to libpq.
struct Host {
    std::string name;
    std::string address;
    std::string port;
};

// Where a connection URL says to connect.
struct Hosts {
    std::vector<Host> addresses;  // in the order of the URL; none when no host has one
    bool are_several = false;     // the URL names more than one host
    std::optional<std::chrono::seconds> timeout = {};  // connect_timeout: of one attempt
};

// The addresses of a name, looked up in a thread; none when it has none, and at `latest`: the
// thread is then left to end by itself.
Async<std::vector<std::string>> resolve_name(Loop& loop, std::string name,
                                             Clock::time_point latest);

// Whether a connection URL names more than one host.
bool names_several_hosts(const std::string& url);

// Every address of every host of the URL, with names looked up in a thread until `latest`.
Async<Hosts> resolve_hosts(Loop& loop, const std::string& url, Clock::time_point latest);
