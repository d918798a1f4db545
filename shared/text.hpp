// What every layer needs to know of UTF-8 text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// The parts of a text between separators; none of an empty text.
std::vector<std::string_view> split(std::string_view text, char separator);

// Lower-case hexadecimal digits of the bytes.
std::string hex(std::string_view bytes);

// The bytes again; nullopt for anything that hex() does not write.
std::optional<std::string> unhex(std::string_view digits);

// The byte that two hexadecimal digits of either case stand for; -1 for anything else.
int hex_byte(std::string_view digits);

// Undoes percent-encoding (RFC 3986, section 2.1) once; nullopt for a malformed escape. Any byte
// may come out, NUL included.
std::optional<std::string> percent_decode(std::string_view text);

// A text as one segment of a path: everything but unreserved characters (RFC 3986, section 2.3) is
// escaped.
std::string percent_encode(std::string_view text);
