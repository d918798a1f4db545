// What every limiter must decide, whatever unit it counts in.
#pragma once

#include <string>

#include "shared/limits/rate_limit.hpp"

inline std::string text_of(const Decision& decision) {
    return std::string{decision.allowed ? "allowed" : "refused"} + " " +
           std::to_string(decision.remaining) + " of " + std::to_string(decision.limit) +
           ", all in " + std::to_string(decision.reset_seconds) + " s, one in " +
           std::to_string(decision.retry_after_seconds) + " s";
}

// Consecutive takes of one key with ten a minute. None is so close to a bound that the outcome
// would change if all of them came half a second later.
inline constexpr struct LimitCase {
    std::int64_t later_ms;  // than the previous one
    const char* decision;
} limit_cases[] = {
    {0, "allowed 9 of 10, all in 6 s, one in 0 s"},
    {0, "allowed 8 of 10, all in 12 s, one in 0 s"},
    {0, "allowed 7 of 10, all in 18 s, one in 0 s"},
    {0, "allowed 6 of 10, all in 24 s, one in 0 s"},
    {0, "allowed 5 of 10, all in 30 s, one in 0 s"},
    {0, "allowed 4 of 10, all in 36 s, one in 0 s"},
    {0, "allowed 3 of 10, all in 42 s, one in 0 s"},
    {0, "allowed 2 of 10, all in 48 s, one in 0 s"},
    {0, "allowed 1 of 10, all in 54 s, one in 0 s"},
    {0, "allowed 0 of 10, all in 60 s, one in 0 s"},
    {0, "refused 0 of 10, all in 60 s, one in 6 s"},
    {0, "refused 0 of 10, all in 60 s, one in 6 s"},
    {5'000, "refused 0 of 10, all in 55 s, one in 1 s"},
    {1'000, "allowed 0 of 10, all in 60 s, one in 0 s"},
    {0, "refused 0 of 10, all in 60 s, one in 6 s"},
    {12'000, "allowed 1 of 10, all in 54 s, one in 0 s"},
    {54'000, "allowed 9 of 10, all in 6 s, one in 0 s"},
    {600'000, "allowed 9 of 10, all in 6 s, one in 0 s"},
};

// Rates whose windows are not multiples of their permits.
inline constexpr Rate odd_rates[] = {{1, std::chrono::seconds{60}},
                                     {7, std::chrono::seconds{3600}},
                                     {3, std::chrono::seconds{3600}},
                                     {1, std::chrono::seconds{86'400}},
                                     {999, std::chrono::seconds{86'400}}};
