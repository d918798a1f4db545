#include "shared/unicode.hpp"

#include "tests/support/expect.hpp"

// From NormalizationTest.txt of the Unicode Character Database, and what is not changed.
Test(unicode, composes) {
    static constexpr struct {
        const char* text;
        const char* composed;
    } cases[] = {
        {"", ""},
        {"correct horse", "correct horse"},
        {"a\xcc\x88", "\xc3\xa4"},
        {"\xc3\xa4", "\xc3\xa4"},
        {"D\xcc\xa3\xcc\x87", "\xe1\xb8\x8c\xcc\x87"},             // D, dot below, dot above
        {"\xe2\x84\xab", "\xc3\x85"},                              // the angstrom sign
        {"\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81"},  // Hangul
        {"\xef\xac\x81", "\xef\xac\x81"},                          // the ligature "fi" stays
        {"\xf0\x9f\x92\x99", "\xf0\x9f\x92\x99"},
    };
    for (const auto& [text, composed] : cases) EXPECT_TEXT(nfc(text), composed);
}

Test(unicode, leaves_what_is_not_utf_8) { EXPECT_TEXT(nfc("\xff\xfe"), "\xff\xfe"); }
