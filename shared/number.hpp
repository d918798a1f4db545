// Numbers in text.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

// The number that the whole text spells in decimal: no sign but '-', no white space, nothing after
// it. nullopt for anything else, and for a number out of the range of T.
template <class T>
std::optional<T> parse_number(std::string_view text) {
    T number{};
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || rest != end) return std::nullopt;
    return number;
}
