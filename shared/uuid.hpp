// UUIDs (RFC 4122): the ids of board tasks and of local accounts.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct Uuid {
    std::array<std::uint8_t, 16> bytes{};

    // A random (version 4) UUID from the operating system's generator.
    static Uuid random();

    // Reads the canonical form, 8-4-4-4-12 hexadecimal digits of either case; anything else is
    // nullopt.
    static std::optional<Uuid> parse(std::string_view text);

    // The canonical form in lower case.
    std::string text() const;

    auto operator<=>(const Uuid&) const = default;
};
