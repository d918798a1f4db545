// Addresses, origins and URLs in settings. Some are written to nginx's configuration, so none may
// contain its syntax.
#pragma once

#include <optional>
#include <string>
#include <string_view>

// An IPv4 or IPv6 address, without brackets.
bool is_address(std::string_view text);

// An address, or one with a prefix length: "10.0.0.0/8".
bool is_network(std::string_view text);

// Scheme, host and port, as browsers send them (RFC 6454, section 6.2).
bool is_origin(std::string_view text);

// A path of one or more segments of letters, digits, "-" and "_", without a final slash.
bool is_path_prefix(std::string_view text);

// Where something listens: an address, in brackets if it is IPv6, and a port.
struct ListenAddress {
    std::string host;  // without brackets
    int port = 0;      // 1 to 65,535

    // "127.0.0.1:9464", "[::1]:9464"
    std::string text() const;
};

// Returns nullopt for any other text.
std::optional<ListenAddress> parse_listen_address(std::string_view text);

// The absolute path of a file that nginx's configuration can name without quotes.
bool is_plain_path(std::string_view text);

// An http or https URL without a user name, spaces or a fragment.
struct HttpUrl {
    std::string text;    // as in the setting
    std::string origin;  // in lower case, without the default port
    bool is_encrypted = false;
    bool is_loopback = false;
};

// Returns nullopt for any other text.
std::optional<HttpUrl> parse_http_url(std::string_view text);
