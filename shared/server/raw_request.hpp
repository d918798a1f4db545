// Reads a request's metadata from the variables that FastCGI and CGI share (RFC 3875, section 4.1),
// and holds what nginx and the handlers have to agree on.
#pragma once

#include "shared/http/request.hpp"

// These are written into nginx's configuration as well.

// A client's request id is taken when it is made of ASCII letters, digits and these, and is not
// longer.
inline constexpr std::string_view request_id_punctuation = "._-";
inline constexpr std::size_t max_request_id_bytes = 64;

// Headers of an answer that a script of an allowed origin may read.
inline constexpr std::string_view exposed_headers =
    "ETag, Location, Retry-After, X-Request-ID, RateLimit, RateLimit-Policy, X-RateLimit-Limit, "
    "X-RateLimit-Remaining, X-RateLimit-Reset";

// Everything but the body, from a null-terminated list of NAME=value. The views point into it.
RawRequest read_variables(const char* const* variables);
