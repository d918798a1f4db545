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

Test(unicode, folds_for_comparison) {
    static constexpr struct {
        const char* text;
        const char* case_folded;
        const char* folded;
    } cases[] = {
        {"", "", ""},
        {"Call ADA", "call ada", "call ada"},
        {"\xc3\x89"
         "clair",
         "\xc3\xa9"
         "clair",
         "eclair"},  // an accent, composed
        {"E\xcc\x81"
         "clair",
         "\xc3\xa9"
         "clair",
         "eclair"},  // and not
        {"Stra\xc3\x9f"
         "e",
         "strasse", "strasse"},                                       // sharp s
        {"\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82",  // Greek, with a final sigma
         "\xcf\x83\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83",
         "\xcf\x83\xce\xb9\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83"},
        {"\xc4\xb0", "i\xcc\x87", "i"},                                // I with a dot above
        {"\xd0\x99\xd0\x81", "\xd0\xb9\xd1\x91", "\xd0\xb8\xd0\xb5"},  // Cyrillic
        {"\xef\xbc\xa1\xef\xbd\xb6\xef\xbe\x9e", "a\xe3\x82\xac",
         "a\xe3\x82\xab"},             // full, half width
        {"\xef\xac\x81", "fi", "fi"},  // a ligature
        {"soft\xc2\xadhyphen", "softhyphen", "softhyphen"},
        {"no\xc2\xa0"
         "break",
         "no break", "no break"},
        {"a\tb\nc\x1f"
         "d",
         "a b c d", "a b c d"},
        {"\xf0\x9f\x92\x99", "\xf0\x9f\x92\x99", "\xf0\x9f\x92\x99"},
        {"\xcc\x81\xcc\x88", "\xcc\x81\xcc\x88", ""},  // marks alone
    };
    for (const auto& [text, with_marks, without] : cases) {
        EXPECT_TEXT(case_folded(text), with_marks);
        EXPECT_TEXT(folded(text), without);
        EXPECT_TEXT(folded(folded(text)), without);
    }
}
