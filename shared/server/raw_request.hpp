// Reads a request's metadata from the variables that FastCGI and CGI share (RFC 3875, section 4.1).
#pragma once

#include "shared/http/request.hpp"

// Bodies above this many bytes are refused with 413.
inline constexpr std::size_t max_body_bytes = 65'536;

// Everything but the body, from a null-terminated list of NAME=value. The views point into it.
RawRequest read_variables(const char* const* variables);
