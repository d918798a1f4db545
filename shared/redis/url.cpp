#include "shared/redis/url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>

#include "shared/net/url_host.hpp"
#include "shared/number.hpp"
#include "shared/text.hpp"

namespace {

constexpr int most_databases = 1'000'000;

std::optional<int> whole_number(std::string_view digits, int minimum, int maximum) {
    const auto number = parse_number<int>(digits);
    return number && *number >= minimum && *number <= maximum ? number : std::nullopt;
}

bool is_name(std::string_view host) {
    return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
    });
}

bool is_ipv6(const std::string& host) {
    unsigned char bytes[16];
    return inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

// "user:password" or ":password".
bool take_credentials(std::string_view text, RedisUrl& url) {
    const auto colon = text.find(':');
    if (colon == text.npos) return false;
    const auto user = percent_decode(text.substr(0, colon));
    const auto password = percent_decode(text.substr(colon + 1));
    if (!user || !password || password->empty()) return false;
    if (user->find('\0') != user->npos || password->find('\0') != password->npos) return false;
    url.user = *user;
    url.password = *password;
    return true;
}

bool take_host(std::string_view text, RedisUrl& url) {
    const auto bracket = text.starts_with('[') ? text.find(']') : 0;
    if (bracket == text.npos) return false;
    const auto colon = text.find(':', bracket);
    if (colon != text.npos) {
        const auto port = whole_number(text.substr(colon + 1), 1, 65'535);
        if (!port) return false;
        url.port = static_cast<std::uint16_t>(*port);
    }
    url.host = text.substr(0, colon);
    if (!url.host.starts_with('[')) return is_name(url.host);
    if (!url.host.ends_with(']')) return false;
    url.host = url.host.substr(1, url.host.size() - 2);
    return is_ipv6(url.host);
}

}  // namespace

std::string RedisUrl::place() const { return url_host(host) + ":" + std::to_string(port); }

std::optional<RedisUrl> parse_redis_url(std::string_view text) {
    constexpr std::string_view scheme = "redis://";
    if (!text.starts_with(scheme)) return std::nullopt;
    text.remove_prefix(scheme.size());
    RedisUrl url;
    const auto slash = text.find('/');
    if (slash != text.npos && slash + 1 < text.size()) {
        const auto database = whole_number(text.substr(slash + 1), 0, most_databases);
        if (!database) return std::nullopt;
        url.database = *database;
    }
    auto host = text.substr(0, slash);
    if (const auto at = host.rfind('@'); at != host.npos) {
        if (!take_credentials(host.substr(0, at), url)) return std::nullopt;
        host.remove_prefix(at + 1);
    }
    if (!take_host(host, url)) return std::nullopt;
    return url;
}
