#include "shared/net/resolve.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <utility>

#include "shared/promise.hpp"

namespace {

using boost::system::error_code;
using Resolver = boost::asio::ip::basic_resolver<boost::asio::ip::tcp, Loop::executor_type>;

// Whether it is neither a socket's folder nor an address.
bool is_name(const std::string& host) {
    if (host.empty() || host.starts_with('/') || host.starts_with('@')) return false;
    error_code error;
    boost::asio::ip::make_address(host, error);
    return error.failed();
}

}  // namespace

Async<std::vector<std::string>> resolve_name(Loop& loop, std::string name,
                                             Clock::time_point latest) {
    struct Lookup {
        explicit Lookup(Loop& its_loop) : resolver(its_loop) {}
        Resolver resolver;
        std::vector<std::string> addresses;
        Promise promise;
    };
    const auto lookup = std::make_shared<Lookup>(loop);
    lookup->resolver.async_resolve(name, "", [lookup](error_code, const auto& results) {
        for (const auto& entry : results)
            lookup->addresses.push_back(entry.endpoint().address().to_string());
        lookup->promise.deliver();
    });
    Timer timer{loop, latest};
    timer.async_wait([lookup](error_code error) {
        if (!error) lookup->promise.deliver();
    });
    co_await lookup->promise.wait();
    co_return lookup->addresses;
}

Async<std::vector<Host>> resolve_hosts(Loop& loop, std::vector<Host> hosts,
                                       Clock::time_point latest) {
    std::vector<Host> resolved;
    for (auto& host : hosts) {
        if (!host.address.empty() || !is_name(host.name)) {
            resolved.push_back(std::move(host));
            continue;
        }
        const auto addresses = co_await resolve_name(loop, host.name, latest);
        for (const auto& address : addresses) {
            host.address = address;
            resolved.push_back(host);
        }
    }
    co_return resolved;
}
