// How urgent a personal task is.
#pragma once

#include <array>
#include <cstdint>

#include "shared/json/fields.hpp"

// In rising order. The values are those of the column tasks.priority.
enum class Priority : std::int64_t { none, low, medium, high, urgent };

inline constexpr std::array<std::string_view, 5> priority_names = {"none", "low", "medium", "high",
                                                                   "urgent"};

// Reads the names without regard to case, and `normal` as `medium`. Any other text is the fault
// `enum`.
template <>
struct json::Type<Priority> {
    static Priority read(const rapidjson::Value& value, const Rules& rules, Faults& faults);
    static Priority parse(std::string_view text, const Rules& rules, Faults& faults);
    static void write(Writer& writer, Priority priority) {
        writer.plain(priority_names.at(static_cast<std::size_t>(priority)));
    }
    static void schema(Writer& writer, const Rules& rules);
};
