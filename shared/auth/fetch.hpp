// One HTTP GET of a small document, by libcurl, which is loaded with the first one.
#pragma once

#include <cstddef>
#include <string>

// What a key server may send, and how long it may take, from the look-up of its name to the last
// byte.
inline constexpr std::size_t max_fetched_bytes = 262'144;
inline constexpr long max_fetch_ms = 2000;

// The body of a 200. Blocks: call it in a thread. Follows no redirect, speaks http and https only,
// and takes the proxy that the environment names. Throws std::runtime_error for everything else;
// its message is for the log and does not quote the URL.
std::string fetch(const std::string& url);
