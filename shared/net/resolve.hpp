// Resolves host names without blocking the loop, as libpq would.
#pragma once

#include <string>
#include <vector>

#include "shared/async.hpp"
#include "shared/net/postgres_url.hpp"

// The addresses of a name, looked up in a thread. Empty if there are none, or at `latest`; the
// thread then ends later.
Async<std::vector<std::string>> resolve_name(Loop& loop, std::string name,
                                             Clock::time_point latest);

// The addresses of every host, in the order of the hosts, with names looked up in a thread until
// `latest`. Empty if no host has an address.
Async<std::vector<Host>> resolve_hosts(Loop& loop, std::vector<Host> hosts,
                                       Clock::time_point latest);
