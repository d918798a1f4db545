// Reads a request's metadata from the variables that FastCGI and CGI share (RFC 3875, section 4.1),
// and holds the values that nginx and the handlers must agree on.
#pragma once

#include "shared/http/request.hpp"

// nginx's configuration contains these values too.

// A client's request id is accepted if it consists of ASCII letters, digits and these characters
// and is not longer than the maximum.
inline constexpr std::string_view request_id_punctuation = "._-";
inline constexpr std::size_t max_request_id_bytes = 64;

// The response headers that a script from an allowed origin may read.
inline constexpr std::string_view exposed_headers =
    "ETag, Location, Retry-After, X-Request-ID, RateLimit, RateLimit-Policy, X-RateLimit-Limit, "
    "X-RateLimit-Remaining, X-RateLimit-Reset";

// Sets the member that the variable belongs to, if it belongs to one.
void set_variable(RawRequest& raw, std::string_view name, std::string_view value);

// Reads everything but the body from a null-terminated list of NAME=value. The views point into it.
RawRequest read_variables(const char* const* variables);
