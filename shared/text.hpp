// Helpers for UTF-8 text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Whether the text is well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above
// U+10FFFF.
bool is_utf8(std::string_view text);

// The number of code points in well-formed UTF-8.
std::size_t code_points(std::string_view text);

// The text without leading and trailing characters of Unicode's White_Space property.
std::string_view trimmed(std::string_view text);

// Whether the text contains a byte below 0x20 or DEL, which no header, id or log may contain.
bool has_control_bytes(std::string_view text);

// Converts ASCII letters to lower case and leaves all other bytes.
std::string ascii_lower(std::string_view text);

// ASCII comparison that ignores case, for header names and media types.
bool ascii_iequals(std::string_view a, std::string_view b);

// The parts of a text between separators; an empty text has none.
std::vector<std::string_view> split(std::string_view text, char separator);

// The items with the separator between them; an empty text without items.
std::string joined(const std::vector<std::string>& items, std::string_view separator);

// The bytes as lower-case hexadecimal digits.
std::string hex(std::string_view bytes);

// The bytes that hex() wrote; nullopt for any other text.
std::optional<std::string> unhex(std::string_view digits);

// The value of two hexadecimal digits of either case; -1 for any other text.
int hex_byte(std::string_view digits);

// Decodes percent-encoding (RFC 3986, section 2.1) once; nullopt for a malformed escape. The result
// may contain any byte, NUL included.
std::optional<std::string> percent_decode(std::string_view text);

// Encodes a text as one segment of a path: all but unreserved characters (RFC 3986, section 2.3)
// are escaped.
std::string percent_encode(std::string_view text);
