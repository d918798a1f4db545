#include "shared/config/addresses.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>

#include "shared/net/url_host.hpp"
#include "shared/number.hpp"
#include "shared/text.hpp"

namespace {

bool consists_of_letters_digits_and(std::string_view others, std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || others.find(c) != others.npos;
    });
}

bool is_loopback_host(std::string_view host) {
    return host == "localhost" || host.ends_with(".localhost") || host == "[::1]" ||
           (host.starts_with("127.") && is_address(host));
}

}  // namespace

bool is_address(std::string_view text) {
    unsigned char bytes[16];
    const std::string host{text};
    return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
           inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

bool is_network(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = text.substr(0, slash);
    if (!is_address(address)) return false;
    if (slash == text.npos) return true;
    const auto length = text.substr(slash + 1);
    const int longest = address.find(':') == address.npos ? 32 : 128;
    const auto bits = parse_number<int>(length);
    return bits && *bits >= 0 && *bits <= longest;
}

bool is_origin(std::string_view text) {
    const auto scheme = text.find("://");
    if (scheme == text.npos || !consists_of_letters_digits_and("+-.", text.substr(0, scheme)))
        return false;
    auto host = text.substr(scheme + 3);
    const auto port = host.find(':', host.starts_with('[') ? host.find(']') : 0);
    if (port != host.npos) {
        const auto digits = host.substr(port + 1);
        if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos) return false;
        host = host.substr(0, port);
    }
    if (host.starts_with('[') && host.ends_with(']'))
        return is_address(host.substr(1, host.size() - 2));
    return consists_of_letters_digits_and(".-_", host);
}

bool is_path_prefix(std::string_view text) {
    if (!text.starts_with('/')) return false;
    const auto segments = split(text.substr(1), '/');
    return !segments.empty() && std::all_of(segments.begin(), segments.end(), [](auto segment) {
        return consists_of_letters_digits_and("-_", segment);
    });
}

std::string ListenAddress::text() const { return url_host(host) + ":" + std::to_string(port); }

std::optional<ListenAddress> parse_listen_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == text.npos) return std::nullopt;
    auto host = text.substr(0, colon);
    const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
    if (is_bracketed) host = host.substr(1, host.size() - 2);
    const auto port = parse_number<int>(text.substr(colon + 1));
    const bool is_ipv6 = host.find(':') != host.npos;
    if (!is_address(host) || is_ipv6 != is_bracketed || !port || *port < 1 || *port > 65'535)
        return std::nullopt;
    return ListenAddress{.host = std::string{host}, .port = *port};
}

bool is_plain_path(std::string_view text) {
    return text.starts_with('/') && consists_of_letters_digits_and("/._-+@=,:~%", text);
}

std::optional<HttpUrl> parse_http_url(std::string_view text) {
    const auto is_odd = [](char c) { return c <= ' ' || c > '~' || c == '#' || c == '\\'; };
    const auto colon = text.find("://");
    if (colon == text.npos || std::any_of(text.begin(), text.end(), is_odd)) return std::nullopt;
    const auto given_origin = text.substr(0, text.find_first_of("/?", colon + 3));
    const auto scheme = ascii_lower(text.substr(0, colon));
    if ((scheme != "http" && scheme != "https") || !is_origin(given_origin)) return std::nullopt;
    auto host = ascii_lower(given_origin.substr(colon + 3));
    std::string port;
    if (const auto found = host.rfind(':'); found != host.npos && !host.ends_with(']')) {
        port = host.substr(found);
        host.resize(found);
    }
    if (port == (scheme == "http" ? ":80" : ":443")) port.clear();
    return HttpUrl{.text = std::string{text},
                   .origin = scheme + "://" + host + port,
                   .is_encrypted = scheme == "https",
                   .is_loopback = is_loopback_host(host)};
}
