#include "shared/text.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "tests/support/expect.hpp"

using namespace std::string_view_literals;

namespace {

std::string encoded(char32_t point) {
    const auto tail = [&](int shift) { return static_cast<char>(0x80 | (point >> shift & 0x3f)); };
    if (point < 0x80) return {static_cast<char>(point)};
    if (point < 0x800) return {static_cast<char>(0xc0 | point >> 6), tail(0)};
    if (point < 0x10000) return {static_cast<char>(0xe0 | point >> 12), tail(6), tail(0)};
    return {static_cast<char>(0xf0 | point >> 18), tail(12), tail(6), tail(0)};
}

bool is_surrogate(char32_t point) { return point >= 0xd800 && point <= 0xdfff; }

// Visits every code point of the first two planes, which contain nearly all assigned ones, a sample
// of the rest, and the last ones.
char32_t next(char32_t point) {
    return point < 0x20000 || point >= 0x10ff00 ? point + 1 : point + 0x1f;
}

// PropList.txt of Unicode 15, White_Space.
constexpr std::array<char32_t, 25> white_space = {
    0x09,   0x0a,   0x0b,   0x0c,   0x0d,   0x20,   0x85,   0xa0,   0x1680,
    0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008,
    0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000};

}  // namespace

Test(text, accepts_all_code_points_but_surrogates) {
    for (char32_t point = 0; point <= 0x110000; point = next(point)) {
        const bool is_character = !is_surrogate(point) && point <= 0x10ffff;
        cr_assert(is_utf8(encoded(point)) == is_character, "U+%04X", static_cast<unsigned>(point));
    }
}

Test(text, refuses_malformed_utf8) {
    static constexpr std::string_view malformed[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc0\xaf",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xc2\xc2",
        "\xc2\x80\x80",
        "\xe0\x80\x80",
        "\xe0\x80\xaf",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xad\xbf",
        "\xed\xae\x80",
        "\xed\xbf\xbf",
        "\xed\xa0\x81\xed\xb0\x80",
        "\xe2\x82",
        "\xe2\x28\xa1",
        "\xe2\x82\x28",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x9f\x98",
        "\xf0\x28\x8c\xbc",
        "\xf0\x90\x28\xbc",
        "\xf0\x28\x8c\x28",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xfc\x84\x80\x80\x80\x80",
        "\xfe",
        "\xff",
        "start\xc3",
        "in\x80the middle",
        "\xc3\0"sv,
        "caf\xe9",
    };
    for (const auto text : malformed) cr_expect_not(is_utf8(text), "%s", shown(text).c_str());
    cr_expect(is_utf8(""));
    cr_expect(is_utf8("a\0b"sv));
    cr_expect(is_utf8("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"));
}

// In a copy of exactly the text's size AddressSanitizer detects a read past the end.
Test(text, never_reads_past_the_end) {
    for (const auto text : {"\xc2\x80"sv, "\xe2\x82\xac"sv, "\xf0\x9f\x98\x80"sv}) {
        for (std::size_t size = 1; size < text.size(); ++size) {
            const std::vector<char> copy{text.begin(), text.begin() + static_cast<long>(size)};
            const std::string_view cut{copy.data(), copy.size()};
            cr_expect_not(is_utf8(cut));
            EXPECT_TEXT(trimmed(cut), cut);
        }
    }
}

Test(text, counts_code_points_not_bytes) {
    cr_expect_eq(code_points(""), 0u);
    cr_expect_eq(code_points("abc"), 3u);
    cr_expect_eq(code_points("a\0b"sv), 3u);
    cr_expect_eq(code_points("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 3u);
    // A letter and its combining accent are two code points.
    cr_expect_eq(code_points("e\xcc\x81"), 2u);
    for (const char32_t point : {0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff})
        cr_expect_eq(code_points(encoded(point) + encoded(point)), 2u);
}

Test(text, trims_exactly_the_white_space_of_unicode) {
    for (char32_t point = 0; point <= 0x10ffff; point = next(point)) {
        if (is_surrogate(point)) continue;
        const bool is_white =
            std::find(white_space.begin(), white_space.end(), point) != white_space.end();
        const auto text = encoded(point) + "x" + encoded(point);
        cr_assert((trimmed(text) == "x") == is_white, "U+%04X", static_cast<unsigned>(point));
    }
}

Test(text, trims_both_ends_and_nothing_inside) {
    static constexpr std::string_view cases[][2] = {
        {"", ""},
        {" ", ""},
        {" \t\r\n\v\f", ""},
        {"a", "a"},
        {"  a b  ", "a b"},
        {"\xe3\x80\x80\xc2\xa0 a\xe3\x80\x80z \xe2\x80\xa8", "a\xe3\x80\x80z"},
        {"\xe3\x80\x80", ""},
        {" \xf0\x9f\x98\x80 ", "\xf0\x9f\x98\x80"},
        {"\0 "sv, "\0"sv},
        // Zero-width characters are not white space.
        {"\xe2\x80\x8bx\xef\xbb\xbf", "\xe2\x80\x8bx\xef\xbb\xbf"},
        // Malformed text is not trimmed.
        {" \x80", "\x80"},
        {"a \x80", "a \x80"},
        {"a \xa0\xa0 ", "a \xa0\xa0"},
        {"\xe3\x80", "\xe3\x80"},
    };
    for (const auto& [text, expected] : cases) EXPECT_TEXT(trimmed(text), expected);
}

Test(text, knows_control_bytes) {
    for (int byte = 0; byte < 256; ++byte) {
        const std::string text{'a', static_cast<char>(byte), 'z'};
        cr_expect(has_control_bytes(text) == (byte < 0x20 || byte == 0x7f), "byte %d", byte);
    }
    cr_expect_not(has_control_bytes(""));
}

Test(text, lowers_ascii_letters_only) {
    for (int byte = 0; byte < 256; ++byte) {
        const std::string text(1, static_cast<char>(byte));
        const int lower = byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte;
        EXPECT_TEXT(ascii_lower(text), std::string(1, static_cast<char>(lower)));
    }
    EXPECT_TEXT(ascii_lower("Ann@EXAMPLE.org"), "ann@example.org");
    EXPECT_TEXT(ascii_lower("\xc3\x84"), "\xc3\x84");
}

Test(text, compares_ascii_without_regard_to_case) {
    cr_expect(ascii_iequals("Content-Type", "content-TYPE"));
    cr_expect(ascii_iequals("", ""));
    static constexpr std::string_view different[][2] = {
        {"a", "b"},     {"a", "aa"},          {"aa", "a"},           {"", "a"},
        {"[", "{"},     {"@", "`"},           {"k", "\xe2\x84\xaa"},  // the Kelvin sign
        {"a\0"sv, "a"}, {"a\0b"sv, "a\0c"sv},
    };
    for (const auto& [a, b] : different)
        cr_expect_not(ascii_iequals(a, b), "%s and %s", shown(a).c_str(), shown(b).c_str());
}

Test(text, writes_bytes_as_lower_case_hex) {
    EXPECT_TEXT(hex(""), "");
    EXPECT_TEXT(hex("\x00\x01\x0f\x10\x7f\x80\xab\xff"sv), "00010f107f80abff");
}

Test(text, reads_back_the_hex_that_it_writes) {
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
    EXPECT_TEXT(unhex(hex(bytes)).value_or("nothing"), bytes);
    EXPECT_TEXT(unhex("").value_or("nothing"), "");
}

Test(text, reads_no_other_hex) {
    for (const auto digits : {"0"sv, "000"sv, "0g"sv, "AB"sv, "aB"sv, " 00"sv, "00 "sv, "0x"sv,
                              "-1"sv, "+1"sv, "00\0"sv, "\0\0"sv, "\xff\xff"sv})
        cr_expect_not(unhex(digits).has_value(), "%s", shown(digits).c_str());
}

Test(text, reads_two_hex_digits_of_either_case) {
    cr_expect_eq(hex_byte("00"), 0);
    cr_expect_eq(hex_byte("fF"), 255);
    cr_expect_eq(hex_byte("A9"), 0xa9);
    for (const auto digits : {""sv, "0"sv, "000"sv, "0g"sv, " 0"sv, "-1"sv, "0x"sv, "\0\0"sv})
        cr_expect_eq(hex_byte(digits), -1, "%s", shown(digits).c_str());
}

Test(text, splits_between_separators) {
    const auto parts_of = [](std::string_view text) {
        std::string parts;
        for (const auto part : split(text, ',')) parts.append("[").append(part).append("]");
        return parts;
    };
    EXPECT_TEXT(parts_of(""), "");
    EXPECT_TEXT(parts_of("a"), "[a]");
    EXPECT_TEXT(parts_of("a,b c"), "[a][b c]");
    EXPECT_TEXT(parts_of(","), "[][]");
    EXPECT_TEXT(parts_of(",a,,b,"), "[][a][][b][]");
}

Test(text, undoes_percent_encoding_once) {
    static constexpr std::string_view cases[][2] = {
        {"", ""},        {"a+b", "a+b"},         {"%41%62", "Ab"}, {"%2541", "%41"},
        {"%00", "\0"sv}, {"%c3%A9", "\xc3\xa9"}, {"%ff", "\xff"},
    };
    for (const auto& [text, bytes] : cases)
        EXPECT_TEXT(percent_decode(text).value_or("nothing"), bytes);
    for (const char* text : {"%", "%4", "a%", "%zz", "%4g", "%-1", "%%41", "% 1"})
        cr_expect_not(percent_decode(text).has_value(), "%s", text);
}

// RFC 3986, section 2.3.
Test(text, escapes_all_but_unreserved_characters) {
    EXPECT_TEXT(percent_encode("AZaz09-._~"), "AZaz09-._~");
    EXPECT_TEXT(percent_encode("a b/c?d#e%f+g&h=i:j@k"),
                "a%20b%2Fc%3Fd%23e%25f%2Bg%26h%3Di%3Aj%40k");
    EXPECT_TEXT(percent_encode("\xc3\xa9\0\n"sv), "%C3%A9%00%0A");
    for (int byte = 0; byte < 256; ++byte) {
        const std::string text(1, static_cast<char>(byte));
        EXPECT_TEXT(percent_decode(percent_encode(text)).value_or("nothing"), text);
    }
}
