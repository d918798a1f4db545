// A moment in UTC with microsecond resolution, as every table stores it.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct Timestamp {
    std::int64_t microseconds = 0;  // since 1970-01-01T00:00:00Z

    static Timestamp now();

    // Before and after every stored moment: the years 1 and 9999.
    static constexpr Timestamp first() { return {-62'135'596'800'000'000}; }
    static constexpr Timestamp last() { return {253'402'300'799'999'999}; }

    // Parses RFC 3339 with a time zone. Digits behind the sixth of the fraction are cut, and a leap
    // second (23:59:60 UTC) is the next second. Returns nullopt for anything else, and outside of
    // the years 1 to 9999.
    static std::optional<Timestamp> parse(std::string_view text);

    // RFC 3339, always with six fractional digits: 2026-01-08T12:34:56.123456Z.
    std::string text() const;
    std::array<char, 27> characters() const;

    auto operator<=>(const Timestamp&) const = default;
};
