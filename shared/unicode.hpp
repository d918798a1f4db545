// Normal forms of Unicode (UAX #15), and forms to compare texts by.
#pragma once

#include <string>
#include <string_view>

// The text, which must be UTF-8, in the composed form (NFC): one form for characters that keyboards
// and systems write in several ways, such as "ä".
std::string nfc(std::string_view text);

// The text, which must be UTF-8, in the form in which upper and lower case, and characters that are
// compatible, are the same: NFKC_Casefold (Unicode, section 3.13, toNFKC_Casefold). ASCII control
// characters become spaces.
std::string case_folded(std::string_view text);

// The same without marks, such as accents (general category M). Texts are searched and sorted in
// this form.
std::string folded(std::string_view text);
