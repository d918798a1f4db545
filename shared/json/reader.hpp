// Reads JSON from clients. Input that could crash the program, be truncated or be decoded
// ambiguously is refused before a handler sees it.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace json {

// The maximum depth of a document.
inline constexpr int max_depth = 32;

// Parses one JSON text (RFC 8259) of well-formed UTF-8. Throws a 422 ApiError whose detail type is
// `json_invalid` or, for a duplicate member, `value_error`, if the text contains a BOM, a NUL (raw
// or \u0000), a lone surrogate, nesting deeper than max_depth, a member that occurs twice, a number
// beyond the range of a double, or anything after the value. `root` is the first step of each
// detail's location.
//
// A number without a fraction and an exponent becomes an Int64, never a double. If it does not fit,
// it becomes the nearest Int64, which is outside every range that a reader may allow.
rapidjson::Document parse(std::string_view text, const std::string& root = "body");

// The largest integer that RFC 8785 represents exactly, because it writes numbers as doubles
// (section 3.2.2.3). The smallest is its negative.
inline constexpr std::int64_t largest_exact_integer = (std::int64_t{1} << 53) - 1;

// The RFC 8785 form of a parsed value whose integers are exact, with members in the order of their
// UTF-16 code units.
std::string canonical(const rapidjson::Value& value);

// The text of a string value, including any NUL bytes.
inline std::string_view text_of(const rapidjson::Value& value) {
    return {value.GetString(), value.GetStringLength()};
}

// The member of an object with this name; null if there is none.
const rapidjson::Value* find(const rapidjson::Value& object, std::string_view name);

}  // namespace json
