#include "shared/db/resolve.hpp"

#include <libpq-fe.h>

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string_view>
#include <vector>

#include "shared/promise.hpp"

namespace {

using boost::system::error_code;
using Resolver = boost::asio::ip::basic_resolver<boost::asio::ip::tcp, Loop::executor_type>;

// What a URL says of its hosts, as it stands there.
struct Named {
    std::string hosts;
    std::string ports;
    bool has_addresses = false;
};

Named read_url(const std::string& url) {
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options{
        PQconninfoParse(url.c_str(), nullptr), &PQconninfoFree};
    Named named;
    for (const auto* option = options.get(); option && option->keyword; ++option) {
        const std::string_view keyword = option->keyword;
        if (!option->val) continue;
        if (keyword == "host") named.hosts = option->val;
        if (keyword == "port") named.ports = option->val;
        if (keyword == "hostaddr") named.has_addresses = true;
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

void add(Hosts& hosts, const std::string& name, const std::string& address,
         const std::string& port) {
    const char* const comma = hosts.names.empty() ? "" : ",";
    hosts.names += comma + name;
    hosts.addresses += comma + address;
    hosts.ports += comma + port;
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

Async<std::optional<Hosts>> resolve_hosts(Loop& loop, const std::string& url,
                                          Clock::time_point latest) {
    const auto named = read_url(url);
    const auto names = split(named.hosts);
    const auto ports = split(named.ports);
    const bool has_name = std::any_of(names.begin(), names.end(), is_name);
    if (named.has_addresses || !has_name) co_return Hosts{};

    Hosts hosts;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto& port = ports.size() == names.size() ? ports[i] : ports.front();
        if (!is_name(names[i])) {
            add(hosts, names[i], "", port);
            continue;
        }
        const auto addresses = co_await resolve_name(loop, names[i], latest);
        for (const auto& address : addresses) add(hosts, names[i], address, port);
    }
    if (hosts.names.empty()) co_return std::nullopt;
    co_return hosts;
}
