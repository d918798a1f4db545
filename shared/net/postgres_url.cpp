#include "shared/net/postgres_url.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

namespace {

// Unlike split() of shared/text.hpp, an empty list has one empty part: libpq's default host.
std::vector<std::string> parts_of(const std::string& list) {
    std::vector<std::string> parts{""};
    for (const char c : list)
        if (c == ',')
            parts.emplace_back();
        else
            parts.back() += c;
    return parts;
}

// An empty port in a list is the default port; libpq would use the URL's whole list for it.
std::vector<Host> hosts_of(const std::string& host_names, const std::string& host_addresses,
                           const std::string& host_ports) {
    const auto names = parts_of(host_names);
    const auto addresses = parts_of(host_addresses);
    const auto ports = parts_of(host_ports);
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

// As in libpq, values up to zero mean no limit.
std::optional<std::chrono::seconds> seconds_of(const std::string& text) {
    int number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number > 0 ? std::optional{std::chrono::seconds{number}} : std::nullopt;
}

// If a password contains "@" or "/" that is not escaped, libpq takes the rest of it for a host, a
// port or a database, whose names are shown in messages.
bool may_show_password(const PostgresUrl& url) {
    const auto is_name = [](std::string_view name) {
        // A path names the folder of a socket, and "@" an abstract one.
        return name.empty() || name.front() == '/' || name.front() == '@' ||
               name.find_first_of("@/") == name.npos;
    };
    return url.database.find('@') != url.database.npos ||
           !std::all_of(url.hosts.begin(), url.hosts.end(), [&](const Host& host) {
               return is_name(host.name) && is_name(host.address) &&
                      host.port.find_first_not_of("0123456789") == host.port.npos;
           });
}

}  // namespace

std::optional<PostgresUrl> parse_postgres_url(const std::string& text) {
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options{
        PQconninfoParse(text.c_str(), nullptr), &PQconninfoFree};
    if (!options) return std::nullopt;
    const auto value_of = [&](std::string_view keyword) -> std::string {
        for (const auto* option = options.get(); option->keyword; ++option)
            if (option->keyword == keyword) return option->val ? option->val : "";
        return {};
    };
    PostgresUrl url;
    url.text = text;
    url.host_names = value_of("host");
    url.hosts = hosts_of(url.host_names, value_of("hostaddr"), value_of("port"));
    url.database = value_of("dbname");
    url.timeout = seconds_of(value_of("connect_timeout"));
    if (may_show_password(url)) return std::nullopt;
    return url;
}
