// Ages as people write them: a number and a unit, s, m, h or d.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

// "7d", "12h", "15m" or "90s", from 1 s to 36,500 d. Returns nullopt for any other text.
std::optional<std::chrono::seconds> parse_age(std::string_view text);

// The age in the largest unit that divides it.
std::string text_of_age(std::chrono::seconds age);
