#include "shared/json/reader.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "tests/support/expect.hpp"

using namespace std::string_view_literals;

namespace {

std::string canonical(std::string_view text) { return json::canonical(json::parse(text)); }

std::string refusal_of(std::string_view text) {
    return refusal([&] { json::parse(text); });
}

// Returns the type of the only detail, or what the parser returned or threw instead.
std::string type_of_refusal(std::string_view text) {
    try {
        json::parse(text);
    } catch (const ApiError& error) {
        if (error.error() != Error::validation_error || error.details().size() != 1)
            return "another error";
        return error.details()[0].type;
    }
    return "accepted";
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
}

std::string nested(std::size_t depth, std::string_view inside = "") {
    return repeated("[", depth).append(inside) + repeated("]", depth);
}

std::string utf8(char32_t point) {
    const auto tail = [&](int shift) { return static_cast<char>(0x80 | (point >> shift & 0x3f)); };
    if (point < 0x80) return {static_cast<char>(point)};
    if (point < 0x800) return {static_cast<char>(0xc0 | point >> 6), tail(0)};
    if (point < 0x10000) return {static_cast<char>(0xe0 | point >> 12), tail(6), tail(0)};
    return {static_cast<char>(0xf0 | point >> 18), tail(12), tail(6), tail(0)};
}

std::u16string utf16(char32_t point) {
    if (point < 0x10000) return {static_cast<char16_t>(point)};
    return {static_cast<char16_t>(0xd800 + ((point - 0x10000) >> 10)),
            static_cast<char16_t>(0xdc00 + ((point - 0x10000) & 0x3ff))};
}

}  // namespace

// The y_ cases of JSONTestSuite.
Test(json_reader, accepts_well_formed_json) {
    static constexpr std::string_view cases[][2] = {
        {"null", "null"},
        {"true", "true"},
        {"false", "false"},
        {"42", "42"},
        {"-0.1", "-0.1"},
        {R"("asd")", R"("asd")"},
        {R"("")", R"("")"},
        {" [] ", "[]"},
        {"[[]   ]", "[[]]"},
        {"\t\n\r [1\n]\r\n", "[1]"},
        {R"([null, 1, "1", {}])", R"([null,1,"1",{}])"},
        {"{}", "{}"},
        {R"({"":0})", R"({"":0})"},
        {R"({"asd":"sdf", "dfg":"fgh"})", R"({"asd":"sdf","dfg":"fgh"})"},
        {R"({"title":"\u041f\u043e\u043b"})", "{\"title\":\"\u041f\u043e\u043b\"}"},
        {"{\n\"a\": \"b\"\n}", R"({"a":"b"})"},
        {R"(["\u0060\u012a\u12AB"])", "[\"`\u012a\u12ab\"]"},
        {R"(["\uD801\udc37"])", "[\"\U00010437\"]"},
        {R"(["\ud83d\ude39\ud83d\udc8d"])", "[\"\U0001f639\U0001f48d\"]"},
        {R"(["\"\\\/\b\f\n\r\t"])", R"(["\"\\/\b\f\n\r\t"])"},
        {R"(["\\u0000"])", R"(["\\u0000"])"},
        {R"(["a/*b*/c/*d//e"])", R"(["a/*b*/c/*d//e"])"},
        {R"(["\\a","\\n","\u0012","\u001F"])", R"(["\\a","\\n","\u0012","\u001f"])"},
        {R"(["\uFFFF\uDBFF\uDFFF\uFDD0"])", "[\"\uffff\U0010ffff\ufdd0\"]"},
        {"[\"\uffff\U0010ffff\"]", "[\"\uffff\U0010ffff\"]"},
        {"[\"\u2028\u2029\x7f\"]", "[\"\u2028\u2029\x7f\"]"},
        {R"(["\u0022\u005c\u002c"])", R"(["\"\\,"])"},
        {"\"\xef\xbb\xbf\"", "\"\xef\xbb\xbf\""},  // a BOM inside a text is a character
    };
    for (const auto& [text, expected] : cases) EXPECT_TEXT(canonical(text), expected);
}

// The n_ cases of JSONTestSuite.
Test(json_reader, refuses_malformed_json) {
    static constexpr std::string_view texts[] = {
        "",
        " ",
        "\n",
        "\v",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "*",
        ",",
        ":",
        "[[",
        "[,",
        "[{",
        "{,",
        "{[",
        "{]",
        "[}",
        "[1 true]",
        "[\"\": 1]",
        "[\"\"],",
        "[,1]",
        "[1,,2]",
        "[\"x\",,]",
        "[\"x\"]]",
        "[\"\",]",
        "[\"x\"",
        "[x",
        "[3[4]]",
        "[1:2]",
        "[,]",
        "[-]",
        "[   , \"\"]",
        "[\"a\",\n4\n,1,",
        "[1,]",
        "[1,,]",
        "[\"\va\"\\f]",
        "[*]",
        "[\"\"",
        "[1,\n1\n,1",
        "[{}",
        "[fals",
        "[nul",
        "[tru",
        "[ false, nul",
        "[True]",
        "[NULL]",
        "abc",
        "<.>",
        "[<null>]",
        "[1]x",
        "[\"asd]",
        "1]",
        "[][]",
        "{}}",
        "{}{}",
        "2@",
        "{\"x\": true,",
        "['single quote']",
        "{[: \"x\"}\n",
        "{\"x\", null}",
        "{\"x\"::\"b\"}",
        "{\"a\":\"a\" 123}",
        "{key: 'value'}",
        "{\"a\" b}",
        "{:\"b\"}",
        "{\"a\" \"b\"}",
        "{\"a\":",
        "{\"a\"",
        "{\"a",
        "{'a'",
        "{1:1}",
        "{9999E9999:1}",
        "{null:null,null:null}",
        "{\"id\":0,,,,,}",
        "{'a':0}",
        "{\"id\":0,}",
        "{\"a\":\"b\"}/**/",
        "{\"a\":\"b\"}/**//",
        "{\"a\":\"b\"}//",
        "{\"a\":\"b\"}/",
        "{\"a\":\"b\",,\"c\":\"d\"}",
        "{a: \"b\"}",
        "{\"a\":\"a",
        "{ \"foo\" : \"bar\", \"a\" }",
        "{\"a\":\"b\"}#",
        "{\"a\":\"b\"}#{}",
        "{\"\":",
        "{\"a\":/*comment*/\"b\"}",
        "{\"a\": true} \"x\"",
        "{\"asd\":\"asd\"",
        "[\\u000A\"\"]",
        "[\f]",
        "[\u00a0]",
        "[\u2060]",
        "\u00e5",
        "[\u00e9]",
        "{\U0001f1e8\U0001f1ed}",
        "[\\n]",
        "[\\u0020\"asd\"]",
        // Strings.
        "[\"\\",
        "[\"\\\"]",
        "[\"\\\\\\\"]",
        "[\"\\x00\"]",
        "[\"\\a\"]",
        "[\"\\v\"]",
        "[\"\\'\"]",
        "[\"\\0\"]",
        "[\"\\\t\"]",
        "[\"\\\U0001f300\"]",
        "[\"\\u00A\"]",
        "[\"\\uqqqq\"]",
        "[\"\\u\"]",
        "[\"\\u00G0\"]",
        "[\"\\u-123\"]",
        "[\"\\u 123\"]",
        "[\"\\UA66D\"]",
        "[\"\\uD800\\\"]",
        "[\"\\uD800\\u\"]",
        "[\"\\uD800\\u1\"]",
        "[\"\\uD800\\u1x\"]",
        "[\"\\uD834\\uDd\"]",
        "[\"\\uD800\\uD800\\x\"]",
        "[\"a\nb\"]",
        "[\"a\tb\"]",
        "[\"\r\"]",
        "[\"\x01\"]",
        "[\"\x1f\"]",
        "{\"a\nb\":0}",
        "[\"\\{[\"\\{[\"\\{",
    };
    for (const auto text : texts)
        cr_expect(type_of_refusal(text) == "json_invalid", "%s: %s", shown(text).c_str(),
                  type_of_refusal(text).c_str());
}

Test(json_reader, refuses_malformed_numbers) {
    for (const std::string_view number : {"++1234",      "+1",
                                          "+Inf",        "-01",
                                          "-1.0.",       "-2.",
                                          "-NaN",        ".-1",
                                          ".2e-3",       "0.1.2",
                                          "0.3e+",       "0.3e",
                                          "0.e1",        "0E+",
                                          "0E",          "0e",
                                          "1.0e+",       "1.0e-",
                                          "1.0e",        "1eE2",
                                          "1 000.0",     "2.e+3",
                                          "2.e-3",       "2.e3",
                                          "9.e+",        "Inf",
                                          "NaN",         "nan",
                                          "\uff11",      "1+2",
                                          "0x1",         "0x42",
                                          "Infinity",    "0e+-1",
                                          "-123.123foo", "-Infinity",
                                          "-foo",        "- 1",
                                          "-012",        "-.123",
                                          "-1x",         "1ea",
                                          "1.",          ".123",
                                          "1.2a-3",      "1.8011670033376514H-308",
                                          "012",         "00",
                                          "-00",         "1_000",
                                          "1,5",         "1e1.5",
                                          "--1",         "1e",
                                          "1f",          "0b1",
                                          "1n",          "-",
                                          "e1",          "1e+ 1"})
        cr_expect(type_of_refusal(number) == "json_invalid", "%s: %s", shown(number).c_str(),
                  type_of_refusal(number).c_str());
}

// Truncating a good document anywhere makes a bad one.
Test(json_reader, refuses_every_truncation) {
    constexpr std::string_view text =
        "{\"a\":[1.5e+3,true,null,\"\\u00e9\\ud83d\\ude00\xf0\x9f\x98\x80\\n\"],\"b\":{\"c\":-0.5}"
        "}";
    cr_assert(type_of_refusal(text) == "accepted");
    for (std::size_t size = 0; size < text.size(); ++size) {
        // In a copy of exactly that size AddressSanitizer detects a read past the end.
        const std::vector<char> copy{text.begin(), text.begin() + static_cast<long>(size)};
        cr_expect(type_of_refusal({copy.data(), copy.size()}) == "json_invalid", "%zu bytes", size);
    }
    cr_expect(type_of_refusal(std::string_view{}) == "json_invalid");
}

Test(json_reader, says_where_and_why) {
    EXPECT_TEXT(refusal_of(""),
                "body/[0]: JSON decode error: The document is empty. (json_invalid)");
    EXPECT_TEXT(refusal_of("{\"a\":1,}"),
                "body/[7]: JSON decode error: Missing a name for object member. (json_invalid)");
    EXPECT_TEXT(refusal_of("[1] x"),
                "body/[4]: JSON decode error: The document root must not be followed by other "
                "values. (json_invalid)");
    EXPECT_TEXT(refusal_of("[\"a\xff\"]"),
                "body/[3]: JSON decode error: Invalid encoding in string. (json_invalid)");
    EXPECT_TEXT(refusal_of("\xef\xbb\xbf{}"),
                "body/[0]: JSON decode error: a byte order mark is not allowed (json_invalid)");
    EXPECT_TEXT(refusal_of("[\"a\0\"]"sv),
                "body/[3]: JSON decode error: a NUL is not allowed (json_invalid)");
    EXPECT_TEXT(refusal([] { json::parse("[", "payload"); }),
                "payload/[1]: JSON decode error: Invalid value. (json_invalid)");
}

Test(json_reader, refuses_a_nul_wherever_it_is) {
    for (const std::string_view text : {"\0"sv, "\0{}"sv, "{}\0"sv, "{}\0{}"sv, "[1\0]"sv,
                                        "[\"\0\"]"sv, "{\"a\0\":1}"sv, "1\0"sv, "\"a\0b\""sv})
        cr_expect(type_of_refusal(text) == "json_invalid", "%s", shown(text).c_str());
    EXPECT_TEXT(refusal_of(R"(["a",["b\u0000c"]])"),
                "body/[1]/[0]: \\u0000 is not allowed (json_invalid)");
    EXPECT_TEXT(refusal_of(R"({"a":{"b\u0000":1}})"),
                "body/a: \\u0000 is not allowed (json_invalid)");
    EXPECT_TEXT(refusal_of(R"("\u0000")"), "body: \\u0000 is not allowed (json_invalid)");
}

Test(json_reader, refuses_malformed_utf8) {
    for (const std::string_view bytes : {"\x80",
                                         "\xbf",
                                         "\xe9",
                                         "\xc0\x80",
                                         "\xc0\xaf",
                                         "\xc1\xbf",
                                         "\xc2",
                                         "\xe0\x80\xaf",
                                         "\xe0\x9f\xbf",
                                         "\xed\xa0\x80",
                                         "\xed\xbf\xbf",
                                         "\xed\xa0\xbd\xed\xb8\x80",
                                         "\xe2\x82",
                                         "\xf0\x80\x80\x80",
                                         "\xf0\x8f\xbf\xbf",
                                         "\xf0\x9f\x98",
                                         "\xf4\x90\x80\x80",
                                         "\xf5\x80\x80\x80",
                                         "\xf8\x88\x80\x80\x80",
                                         "\xfe",
                                         "\xff"}) {
        const std::string text{bytes};
        for (const auto& document : {text, "\"" + text + "\"", "[\"a" + text + "b\"]",
                                     "{\"" + text + "\":0}", "[" + text + "]"})
            cr_expect(type_of_refusal(document) == "json_invalid", "%s", shown(document).c_str());
    }
}

Test(json_reader, refuses_other_encodings) {
    for (const std::string_view text :
         {"\xef\xbb\xbf"sv, "\xef\xbb\xbf[]"sv, "\xfe\xff\0[\0]"sv, "\xff\xfe[\0]\0"sv, "[\0]\0"sv,
          "\0[\0]"sv, "\xff\xfe\0\0[\0\0\0]\0\0\0"sv})
        cr_expect(type_of_refusal(text) == "json_invalid", "%s", shown(text).c_str());
}

Test(json_reader, refuses_lone_surrogates) {
    for (const std::string_view escapes :
         {R"(\uD800)", R"(\uDBFF)", R"(\uDC00)", R"(\uDFFF)", R"(\udada)", R"(\uD888\u1234)",
          R"(\uD800abc)", R"(\uDd1e\uD834)", R"(\uD800\n)", R"(\uD800\uD800)", R"(\uDBFF\uDBFF)",
          R"(\uD800\uD800\uDC00)", R"(\ud83d\ude00\ude00)", R"(\uDC00\uDC00)", R"(\uD800\uE000)"}) {
        const std::string text{escapes};
        for (const auto& document :
             {"\"" + text + "\"", "[\"a" + text + "b\"]", "{\"" + text + "\":0}"})
            cr_expect(type_of_refusal(document) == "json_invalid", "%s", document.c_str());
    }
}

Test(json_reader, bounds_the_depth) {
    EXPECT_TEXT(refusal_of(nested(32)), "");
    EXPECT_TEXT(refusal_of(nested(32, "1")), "");
    EXPECT_TEXT(type_of_refusal(nested(33)), "json_invalid");
    EXPECT_TEXT(type_of_refusal(nested(33, "1")), "json_invalid");
    EXPECT_TEXT(type_of_refusal(nested(32, "{}")), "json_invalid");
    const auto objects = [](std::size_t depth) {
        return repeated("{\"a\":", depth) + "1" + repeated("}", depth);
    };
    EXPECT_TEXT(refusal_of(objects(32)), "");
    EXPECT_TEXT(type_of_refusal(objects(33)), "json_invalid");
    // Width does not count as depth.
    EXPECT_TEXT(refusal_of("[" + repeated("[1],", 5000) + "0]"), "");
}

Test(json_reader, survives_a_depth_of_a_hundred_thousand) {
    constexpr std::size_t depth = 100'000;
    for (const auto& text : {nested(depth), repeated("[", depth), repeated("{\"a\":", depth),
                             repeated("{\"a\":", depth) + "1" + repeated("}", depth),
                             repeated("[{\"\":", depth), repeated("]", depth)})
        EXPECT_TEXT(type_of_refusal(text), "json_invalid");
}

Test(json_reader, refuses_duplicate_members) {
    EXPECT_TEXT(refusal_of(R"({"a":1,"a":2})"),
                "body/a: Value error, this member occurs twice (value_error)");
    EXPECT_TEXT(refusal_of(R"([0,{"b":{"a":0,"c":0,"a":0}}])"),
                "body/[1]/b/a: Value error, this member occurs twice (value_error)");
    for (const std::string_view text :
         {R"({"a":1,"a":1})", R"({"a":1,"\u0061":2})", R"({"":1,"":2})", R"({"\n":1,"\u000a":2})",
          R"({"/":1,"\/":2})", R"({"\ud83d\ude00":1,"😀":2})", R"({"a":{},"b":[],"a":null})"})
        EXPECT_TEXT(type_of_refusal(text), "value_error");
    for (const std::string_view text :
         {R"({"a":1,"A":2})", R"({"a":1,"a ":2})", "{\"\u00e9\":1,\"e\u0301\":2}",
          R"([{"a":1},{"a":2}])", R"({"a":{"a":{"a":1}}})"})
        EXPECT_TEXT(refusal_of(text), "");
    std::string many = "{";
    for (int i = 0; i < 5000; ++i) many += "\"" + std::to_string(i) + "\":0,";
    EXPECT_TEXT(refusal_of(many + "\"5000\":0}"), "");
    EXPECT_TEXT(refusal_of(many + "\"2500\":0}"),
                "body/2500: Value error, this member occurs twice (value_error)");
}

Test(json_reader, reads_numbers) {
    static constexpr std::string_view cases[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"-0.0", "0"},
        {"0e1", "0"},
        {"0e+1", "0"},
        {"1.0", "1"},
        {"20e1", "200"},
        {"1E22", "1e+22"},
        {"1E-2", "0.01"},
        {"1E+2", "100"},
        {"123e65", "1.23e+67"},
        {"123.456e78", "1.23456e+80"},
        {"123.456789", "123.456789"},
        {"-1.0e+28", "-1e+28"},
        {"9007199254740991", "9007199254740991"},
        {"2147483648", "2147483648"},
        {"-2147483649", "-2147483649"},
        {"4294967296", "4294967296"},
        {"-9007199254740991", "-9007199254740991"},
        {"9223372036854775808.0", "9223372036854776000"},
        {"18446744073709551616e0", "18446744073709552000"},
        {"-9223372036854775809.0", "-9223372036854776000"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"17976931348623157e292", "1.7976931348623157e+308"},
        {"0.000017976931348623157e313", "1.7976931348623157e+308"},
        {"5e-324", "5e-324"},
        {"4.9406564584124654e-324", "5e-324"},
        {"2.2250738585072011e-308", "2.225073858507201e-308"},
        {"2.2250738585072012e-308", "2.2250738585072014e-308"},
        {"0.1000000000000000055511151231257827", "0.1"},
        {"9007199254740993.0", "9007199254740992"},
        {"9007199254740993.00000000000000000000001", "9007199254740994"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"333333333.33333329", "333333333.3333333"},
        {"6929495644600919.5", "6929495644600920"},
        {"3.7455744005952583e15", "3745574400595258.5"},
    };
    for (const auto& [text, expected] : cases) EXPECT_TEXT(canonical(text), expected);
}

Test(json_reader, keeps_whole_numbers_of_64_bits) {
    cr_expect_eq(json::parse("9223372036854775807").GetInt64(), INT64_MAX);
    cr_expect_eq(json::parse("-9223372036854775808").GetInt64(), INT64_MIN);
    cr_expect_not(json::parse("1.0").IsInt64());
    cr_expect_not(json::parse("1e2").IsInt64());
}

// No declared range includes the ends of the 64-bit range, so each member refuses such a number.
Test(json_reader, takes_longer_whole_numbers_for_the_nearest_of_64_bits) {
    for (const std::string digits :
         {"9223372036854775808", "18446744073709551615", "18446744073709551616",
          "100000000000000000000000000000",
          "115792089237316195423570985008687907853269984665640564039457584007913129639935"}) {
        const auto above = json::parse(digits), below = json::parse("-" + digits + "0");
        cr_assert(above.IsInt64() && below.IsInt64(), "%s", digits.c_str());
        cr_expect_eq(above.GetInt64(), INT64_MAX, "%s", digits.c_str());
        cr_expect_eq(below.GetInt64(), INT64_MIN, "%s", digits.c_str());
    }
    cr_expect_eq(json::parse("[" + repeated("9", 300) + "]")[0].GetInt64(), INT64_MAX);
    EXPECT_TEXT(canonical("[9007199254740993,-9223372036854775808]"),
                "[9007199254740993,-9223372036854775808]");
}

// A double printed with 17 digits must be read back unchanged, so that a payload is stored as it
// was sent.
Test(json_reader, rounds_numbers_correctly) {
    std::mt19937_64 random{3};
    for (int i = 0; i < 20'000; ++i) {
        const auto value = std::bit_cast<double>(random());
        if (!std::isfinite(value)) continue;
        char text[40];
        const auto size = std::snprintf(text, sizeof text, "%.17g", value);
        const auto read = json::parse({text, static_cast<std::size_t>(size)}).GetDouble();
        cr_assert(read == value, "%s became %.17g", text, read);
    }
}

Test(json_reader, refuses_numbers_that_no_double_holds) {
    for (const std::string_view text :
         {"1e309", "-1e309", "1.8e308", "-1.8e308", "179769313486231581e291", "123123e100000",
          "1e999999999999999999999", "-1e999999999999999999999", "0.00001e400", "1e-400",
          "1e-999999999999999999999"})
        EXPECT_TEXT(std::string{text} + " " + type_of_refusal(text),
                    std::string{text} + " json_invalid");
    EXPECT_TEXT(
        refusal_of("[0, 1e309]"),
        "body/[4]: JSON decode error: a number beyond the range of a double (json_invalid)");
    EXPECT_TEXT(
        refusal_of("[0, 1.8e308]"),
        "body/[4]: JSON decode error: a number beyond the range of a double (json_invalid)");
}

Test(json_reader, survives_long_numbers) {
    for (const std::size_t length : {360u, 400u, 1000u, 60'000u}) {
        EXPECT_TEXT(type_of_refusal(repeated("9", length)), "json_invalid");
        EXPECT_TEXT(type_of_refusal("[-" + repeated("1", length) + "]"), "json_invalid");
        EXPECT_TEXT(type_of_refusal("1e" + repeated("9", length)), "json_invalid");
        EXPECT_TEXT(canonical("0." + repeated("3", length)), "0.3333333333333333");
        EXPECT_TEXT(canonical("1." + repeated("0", length)), "1");
        EXPECT_TEXT(canonical("3." + repeated("3", length) + "e1"), "33.333333333333336");
        EXPECT_TEXT(canonical("0." + repeated("0", length)), "0");
        EXPECT_TEXT(type_of_refusal("0." + repeated("0", length) + "1"), "json_invalid");
        EXPECT_TEXT(canonical("1e-" + repeated("0", length) + "1"), "0.1");
    }
    EXPECT_TEXT(canonical(repeated("1", 300) + ".5"), "1.1111111111111112e+299");
}

// RFC 8785, section 3.2.2.
Test(json_canonical, gives_the_sample_of_rfc_8785) {
    EXPECT_TEXT(canonical(R"({
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    })"),
                "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,"
                "1e-27],\"string\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

// RFC 8785, section 3.2.3.
Test(json_canonical, sorts_by_utf16_code_units) {
    EXPECT_TEXT(canonical(R"({
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis"
    })"),
                "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
                "\"\u00f6\":\"Latin Small Letter O With Diaeresis\",\"\u20ac\":\"Euro Sign\","
                "\"\U0001f600\":\"Emoji: Grinning Face\","
                "\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}");
    EXPECT_TEXT(canonical(R"({"b":{"z":1,"y":[{"d":0,"c":0}]},"aa":2,"a":3,"":4,"B":5})"),
                R"({"":4,"B":5,"a":3,"aa":2,"b":{"y":[{"c":0,"d":0}],"z":1}})");
    // A prefix sorts first, even before a supplementary character.
    EXPECT_TEXT(canonical("{\"a\U0001f600\":1,\"a\":2,\"a\uffff\":3}"),
                "{\"a\":2,\"a\U0001f600\":1,\"a\uffff\":3}");
}

// Every pair of code points that UTF-8 and UTF-16 could order differently, alone and after a common
// prefix.
Test(json_canonical, agrees_with_utf16_at_every_boundary) {
    static constexpr char32_t points[] = {0x01,    0x20,    0x7f,    0x80,    0x7ff,   0x800,
                                          0xd7ff,  0xe000,  0xefff,  0xf000,  0xfffd,  0xffff,
                                          0x10000, 0x1f600, 0x3ffff, 0x40000, 0xfffff, 0x10ffff};
    for (const auto a : points) {
        for (const auto b : points) {
            if (a == b) continue;
            for (const std::string start : {"", "x", "\xf0\x9f\x98\x80"}) {
                const auto one = start + utf8(a), other = start + utf8(b);
                rapidjson::Document object{rapidjson::kObjectType};
                for (const auto& name : {one, other})
                    object.AddMember(
                        rapidjson::Value(name.data(), static_cast<unsigned>(name.size()),
                                         object.GetAllocator()),
                        rapidjson::Value(0), object.GetAllocator());
                const auto text = json::canonical(object);
                const bool is_first = utf16(a) < utf16(b);
                const auto read = json::parse(text);
                cr_expect(json::text_of(read.MemberBegin()->name) == (is_first ? one : other),
                          "U+%04X and U+%04X", static_cast<unsigned>(a), static_cast<unsigned>(b));
            }
        }
    }
}

Test(json_canonical, is_its_own_canonical_form) {
    for (const std::string_view text :
         {R"({ "z" : [ 1.50, {"y":"\u00e9", "x":null} ], "\ud83d\ude00" : -0 })", "[]", "1e-7",
          "\"\\/\""}) {
        const auto once = canonical(text);
        EXPECT_TEXT(canonical(once), once);
    }
}
