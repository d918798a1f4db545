// One HTTP GET of a small document with libcurl, which is loaded at the first call.
#pragma once

#include <cstddef>
#include <string>

// The limits for a key server: the size of its answer, and the time from the name look-up to the
// last byte.
inline constexpr std::size_t max_fetched_bytes = 262'144;
inline constexpr long max_fetch_ms = 2000;

// Returns the body of a 200. Blocks: call it in a thread. Follows no redirects, speaks http and
// https only, and uses the proxy that the environment names. Throws std::runtime_error for
// everything else; the message is for the log and does not quote the URL.
std::string fetch(const std::string& url);
