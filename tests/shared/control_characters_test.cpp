#include "shared/control_characters.hpp"

#include "tests/support/expect.hpp"

using namespace std::string_view_literals;

Test(control_characters, are_those_of_ascii_and_latin_1) {
    for (const auto text : {"\0"sv, "a\n"sv, "\x1f"sv, "\x7f"sv, "\u0080"sv, "a\u009fb"sv})
        cr_expect(has_control_characters(text));
    for (const auto text : {""sv, "a b~"sv, "\u00a0"sv, "Zo\u00eb"sv, "\u2028"sv, "\u4e80"sv})
        cr_expect(!has_control_characters(text), "%s", std::string{text}.c_str());
}

Test(control_characters, are_question_marks_where_they_are_shown) {
    EXPECT_TEXT(printable("a\0b\x1b[31m\x7f"sv), "a?b?[31m?");
    EXPECT_TEXT(printable("\u0080|\u0085|\u009f|\u00a0"), "?|?|?|\u00a0");
    EXPECT_TEXT(printable("\u2028\u2029|\u061c|\u200e\u200f"), "??|?|??");
    EXPECT_TEXT(printable("\u202a\u202b\u202c\u202d\u202e|\u2066\u2067\u2068\u2069"), "?????|????");
    // Their neighbours.
    for (const char* text : {"", "Zo\u00eb", "\u200d", "\u2010", "\u2027", "\u202f", "\u2065",
                             "\u206a", "\u20a8", "\u10a8", "\u061b", "\U0001f600"})
        EXPECT_TEXT(printable(text), text);
}
