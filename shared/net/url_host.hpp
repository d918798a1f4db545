// Hosts in URLs.
#pragma once

#include <string>

// The host of a URL: an IPv6 address is put in brackets (RFC 3986, section 3.2.2).
inline std::string url_host(const std::string& host) {
    return host.find(':') == host.npos ? host : "[" + host + "]";
}
