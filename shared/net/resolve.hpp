// Host names, looked up without blocking the loop: libpq would look them up inside its call.
#pragma once

#include <string>
#include <vector>

#include "shared/async.hpp"
#include "shared/net/postgres_url.hpp"

// The addresses of a name, looked up in a thread; none when it has none, and at `latest`: the
// thread is then left to end by itself.
Async<std::vector<std::string>> resolve_name(Loop& loop, std::string name,
                                             Clock::time_point latest);

// The addresses of every host, in the order of the hosts, with names looked up in a thread until
// `latest`; none when no host has one.
Async<std::vector<Host>> resolve_hosts(Loop& loop, std::vector<Host> hosts,
                                       Clock::time_point latest);
