// Characters of other people's texts that must not reach a terminal.
#pragma once

#include <string>
#include <string_view>

// Whether the UTF-8 text contains a control character: U+0000 to U+001F, or U+007F to U+009F.
bool has_control_characters(std::string_view text);

// The text with a question mark for each control character, line or paragraph separator (U+2028,
// U+2029), and character that changes the direction of the text around it (U+061C, U+200E, U+200F,
// U+202A to U+202E, U+2066 to U+2069).
std::string printable(std::string_view text);
