#include "shared/net/resolve.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <charconv>
#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "shared/promise.hpp"

namespace {

using boost::system::error_code;
using Resolver = boost::asio::ip::basic_resolver<boost::asio::ip::tcp, Loop::executor_type>;

// What a URL says of its hosts, as it stands there.
struct Named {
    std::string names;
    std::string addresses;
    std::string ports;
    std::string timeout;
};

Named read_url(const std::string& url) {
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options{
        PQconninfoParse(url.c_str(), nullptr), &PQconninfoFree};
    Named named;
    for (const auto* option = options.get(); option && option->keyword; ++option) {
        const std::string_view keyword = option->keyword;
        if (!option->val) continue;
        if (keyword == "host") named.names = option->val;
        if (keyword == "hostaddr") named.addresses = option->val;
        if (keyword == "port") named.ports = option->val;
        if (keyword == "connect_timeout") named.timeout = option->val;
    }
    return named;
}

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts{""};
    for (const char c : list)
        if (c == ',')
            parts.emplace_back();
        else
            parts.back() += c;
    return parts;
}

// Not a socket's folder and not an address.
bool is_name(const std::string& host) {
    if (host.empty() || host.starts_with('/') || host.starts_with('@')) return false;
    error_code error;
    boost::asio::ip::make_address(host, error);
    return error.failed();
}

// The hosts that a URL names, before their names are looked up. An empty port in a list is the
// usual one; libpq would take the whole list of the URL for it.
std::vector<Host> listed(const Named& named) {
    const auto names = split(named.names);
    const auto addresses = split(named.addresses);
    const auto ports = split(named.ports);
    std::vector<Host> hosts(std::max(names.size(), addresses.size()));
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        auto& host = hosts[i];
        if (i < names.size()) host.name = names[i];
        if (i < addresses.size()) host.address = addresses[i];
        host.port = ports.size() == hosts.size() ? ports[i] : ports.front();
        if (host.port.empty() && ports.size() > 1) host.port = "5432";
    }
    return hosts;
}

// As libpq reads it: what is not above zero is no limit.
std::optional<std::chrono::seconds> seconds_of(const std::string& text) {
    int number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number > 0 ? std::optional{std::chrono::seconds{number}} : std::nullopt;
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

bool names_several_hosts(const std::string& url) { return listed(read_url(url)).size() > 1; }

Async<Hosts> resolve_hosts(Loop& loop, const std::string& url, Clock::time_point latest) {
    const auto named = read_url(url);
    const auto all = listed(named);
    Hosts hosts{
        .addresses = {}, .are_several = all.size() > 1, .timeout = seconds_of(named.timeout)};
    for (auto host : all) {
        if (!host.address.empty() || !is_name(host.name)) {
            hosts.addresses.push_back(std::move(host));
            continue;
        }
        const auto addresses = co_await resolve_name(loop, host.name, latest);
        for (const auto& address : addresses) {
            host.address = address;
            hosts.addresses.push_back(host);
        }
    }
    co_return hosts;
}
