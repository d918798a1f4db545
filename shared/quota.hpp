// How often something may be done, see rate_limit.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct Quota {
    std::int64_t limit = 0;  // permits
    std::chrono::seconds window{0};
};

// What RATE_LIMIT and LOGIN_RATE_LIMIT take: "10/minute", also second, hour or day; at most one
// each millisecond. Nullopt for anything else.
std::optional<Quota> parse_quota(std::string_view text);

// "10/minute", for a quota that parse_quota() made.
std::string text_of(const Quota& quota);

// A quota in the milliseconds that all limiters reckon in, rounded up to whole ones.
struct Pace {
    std::int64_t interval_ms;  // by which a permit moves the key's moment on
    std::int64_t most_ms;      // how far ahead that moment may be
};
Pace pace_of(const Quota& quota);

// A moment that is further ahead than most_ms, and this more, is of another clock or another quota:
// it counts for nothing.
inline constexpr std::int64_t stray_ms = 60'000;
