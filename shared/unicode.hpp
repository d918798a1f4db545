// Normal forms of Unicode (UAX #15).
#pragma once

#include <string>
#include <string_view>

// The text, which must be UTF-8, in the composed form (NFC): one form for characters that keyboards
// and systems write in several ways, such as "ä".
std::string nfc(std::string_view text);
