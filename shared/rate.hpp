// How often something may be done; see rate_limit.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct Rate {
    std::int64_t limit = 0;  // permits
    std::chrono::seconds window{0};
};

// Parses the rate of a limit: "10/minute", also second, hour or day; at most one per
// millisecond. Returns nullopt for anything else.
std::optional<Rate> parse_rate(std::string_view text);

// The text of a rate that parse_rate() returned: "10/minute".
std::string text_of(const Rate& rate);

// A rate in milliseconds, the unit of all limiters, rounded up.
struct Pace {
    std::int64_t interval_ms;  // by which a permit moves the key's moment ahead
    std::int64_t most_ms;      // how far ahead that moment may be
};
Pace pace_of(const Rate& rate);

// A moment that is further ahead than most_ms plus this comes from another clock or rate and is
// ignored.
inline constexpr std::int64_t stray_ms = 60'000;
