// Reads JSON from clients: everything that could crash, be truncated or be decoded ambiguously is
// refused before a handler sees it.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace json {

// Depth beyond which a document is refused.
inline constexpr int max_depth = 32;

// Parses one JSON text (RFC 8259) of well-formed UTF-8. Refused, with a 422 ApiError whose detail
// type is `json_invalid` or, for a duplicate member, `value_error`: a BOM, a NUL (raw or \u0000),
// lone surrogates, a nesting deeper than max_depth, a member that occurs twice, a number that no
// double holds, and anything after the value. `root` opens the location of each detail.
//
// A number without a fraction and an exponent is an Int64, and never a double: one that does not
// fit becomes the nearest Int64, which is outside of every range that a reader may allow.
rapidjson::Document parse(std::string_view text, const std::string& root = "body");

// RFC 8785 writes numbers as doubles, which keep integers up to this one and down to its negative
// (section 3.2.2.3).
inline constexpr std::int64_t largest_exact_integer = (std::int64_t{1} << 53) - 1;

// The RFC 8785 form of a parsed value whose integers are exact: members in the order of their
// UTF-16 code units.
std::string canonical(const rapidjson::Value& value);

// The text of a string value, whatever bytes it holds.
inline std::string_view text_of(const rapidjson::Value& value) {
    return {value.GetString(), value.GetStringLength()};
}

// A member of an object, or null.
const rapidjson::Value* find(const rapidjson::Value& object, std::string_view name);

}  // namespace json
