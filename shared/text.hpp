// What every layer needs to know of UTF-8 text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// True for well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing past U+10FFFF.
bool is_utf8(std::string_view text);

// The number of code points in well-formed UTF-8.
std::size_t code_points(std::string_view text);

// The text without leading and trailing characters of Unicode's White_Space property.
std::string_view trimmed(std::string_view text);

// True when the text holds a byte below 0x20 or DEL: never allowed in a header, an id or a log.
bool has_control_bytes(std::string_view text);

// ASCII letters to lower case, every other byte as it is.
std::string ascii_lower(std::string_view text);

// ASCII comparison without regard to case, as header names and media types want it.
bool ascii_iequals(std::string_view a, std::string_view b);

// Lower-case hexadecimal digits of the bytes.
std::string hex(std::string_view bytes);
