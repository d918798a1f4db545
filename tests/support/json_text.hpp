// JSON texts with inserted values.
#pragma once

#include <string>
#include <string_view>

#include "shared/json/fields.hpp"

// Replaces each '$' in `pattern` with the next value as JSON: {"title":$} and "x" give
// {"title":"x"}.
template <class... Values>
std::string json_text(std::string_view pattern, const Values&... values) {
    std::string text;
    const auto append_up_to = [&](std::size_t end) {
        text += pattern.substr(0, end);
        pattern.remove_prefix(end);
    };
    const auto append = [&](const auto& value) {
        append_up_to(pattern.find('$'));
        pattern.remove_prefix(1);
        if constexpr (std::is_convertible_v<decltype(value), std::string_view>)
            text += json::write(std::string{std::string_view{value}});
        else
            text += json::write(value);
    };
    (append(values), ...);
    return text.append(pattern);
}
