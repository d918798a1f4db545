// Host names, of a connection URL for one. libpq would look them up inside its call and hold up the
// loop.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/async.hpp"

// What libpq takes as host, hostaddr and port: lists of equal length, separated by commas. Empty
// when the URL names no host that has to be looked up.
struct Hosts {
    std::string names;
    std::string addresses;
    std::string ports;
};

// The addresses of a name, looked up in a thread; none when it has none, and at `latest`: the
// thread is then left to end by itself.
Async<std::vector<std::string>> resolve_name(Loop& loop, std::string name,
                                             Clock::time_point latest);

// Looks up every host of the URL in a thread; nullopt when none has an address, or at `latest`.
Async<std::optional<Hosts>> resolve_hosts(Loop& loop, const std::string& url,
                                          Clock::time_point latest);
