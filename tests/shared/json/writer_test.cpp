#include "shared/json/writer.hpp"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <stdexcept>

#include "tests/support/expect.hpp"

using namespace std::string_view_literals;

namespace {

std::string written(double value) {
    std::string out;
    json::Writer{out}.number(value);
    return out;
}

std::string written(std::string_view text) {
    std::string out;
    json::Writer{out}.string(text);
    return out;
}

}  // namespace

// RFC 8785, appendix B.
Test(json_writer, prints_the_numbers_of_rfc_8785) {
    static constexpr struct {
        std::uint64_t bits;
        const char* text;
    } cases[] = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
    };
    for (const auto& [bits, text] : cases) EXPECT_TEXT(written(std::bit_cast<double>(bits)), text);
}

// The output of Number::toString of ECMA-262 where the notation changes.
Test(json_writer, prints_numbers_like_ecmascript) {
    static constexpr struct {
        double value;
        const char* text;
    } cases[] = {
        {1, "1"},
        {-1, "-1"},
        {10, "10"},
        {100, "100"},
        {1.5, "1.5"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {123.456, "123.456"},
        {1e20, "100000000000000000000"},
        {123456789012345680000.0, "123456789012345680000"},
        {1e21, "1e+21"},
        {-1e21, "-1e+21"},
        {1.5e21, "1.5e+21"},
        {1.2345e300, "1.2345e+300"},
        {0.000001, "0.000001"},
        {0.00000123, "0.00000123"},
        {0.0000001, "1e-7"},
        {0.000000123, "1.23e-7"},
        {-0.000000123, "-1.23e-7"},
        {2e-3, "0.002"},
        {4.35, "4.35"},
        {9007199254740991.0, "9007199254740991"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {2.225073858507201e-308, "2.225073858507201e-308"},
        {5e-7, "5e-7"},
        {1e100, "1e+100"},
        {1e-100, "1e-100"},
    };
    for (const auto& [value, text] : cases) EXPECT_TEXT(written(value), text);
}

Test(json_writer, prints_numbers_that_read_back_as_the_same) {
    std::mt19937_64 random{7};
    for (int i = 0; i < 100'000; ++i) {
        const auto value = std::bit_cast<double>(random());
        if (!std::isfinite(value) || value == 0) continue;
        const auto text = written(value);
        cr_assert(std::strtod(text.c_str(), nullptr) == value, "%s is not %a", text.c_str(), value);
        cr_assert_leq(text.size(), 25u, "%s is not the shortest", text.c_str());
    }
}

Test(json_writer, refuses_what_json_cannot_say) {
    using Limits = std::numeric_limits<double>;
    for (const double value : {Limits::quiet_NaN(), -Limits::quiet_NaN(), Limits::infinity(),
                               -Limits::infinity(), std::bit_cast<double>(0x7fffffffffffffff)}) {
        std::string out;
        json::Writer writer{out};
        writer.begin_array();
        writer.integer(1);
        cr_expect(throws<std::invalid_argument>([&] { writer.number(value); }));
        EXPECT_TEXT(out, "[1");
    }
}

Test(json_writer, prints_integers_to_their_limits) {
    std::string out;
    json::Writer writer{out};
    writer.begin_array();
    for (const std::int64_t value :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{9'007'199'254'740'993},
          std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()})
        writer.integer(value);
    writer.end_array();
    EXPECT_TEXT(out, "[0,-1,9007199254740993,-9223372036854775808,9223372036854775807]");
}

// RFC 8785, section 3.2.2.2.
Test(json_writer, escapes_what_must_be_and_nothing_else) {
    static constexpr std::string_view control_escapes[32] = {
        R"(\u0000)", R"(\u0001)", R"(\u0002)", R"(\u0003)", R"(\u0004)", R"(\u0005)", R"(\u0006)",
        R"(\u0007)", R"(\b)",     R"(\t)",     R"(\n)",     R"(\u000b)", R"(\f)",     R"(\r)",
        R"(\u000e)", R"(\u000f)", R"(\u0010)", R"(\u0011)", R"(\u0012)", R"(\u0013)", R"(\u0014)",
        R"(\u0015)", R"(\u0016)", R"(\u0017)", R"(\u0018)", R"(\u0019)", R"(\u001a)", R"(\u001b)",
        R"(\u001c)", R"(\u001d)", R"(\u001e)", R"(\u001f)"};
    for (int byte = 0; byte < 256; ++byte) {
        const std::string character(1, static_cast<char>(byte));
        std::string expected = character;
        if (byte < 32) expected = control_escapes[byte];
        if (byte == '"') expected = R"(\")";
        if (byte == '\\') expected = R"(\\)";
        EXPECT_TEXT(written(character), '"' + expected + '"');
        EXPECT_TEXT(written("a" + character + "z"), "\"a" + expected + "z\"");
    }
}

Test(json_writer, writes_text_as_it_is) {
    EXPECT_TEXT(written(""sv), R"("")");
    EXPECT_TEXT(written("</script>'&/"sv), R"("</script>'&/")");
    EXPECT_TEXT(written("\xe2\x82\xac$\x0f\nA'B\"\\\\\"/"sv),
                "\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
    EXPECT_TEXT(written("\x7f\xe2\x80\xa8\xf0\x9f\x98\x80"sv),
                "\"\x7f\xe2\x80\xa8\xf0\x9f\x98\x80\"");
    EXPECT_TEXT(written("\"\"\"\n\n"sv), R"("\"\"\"\n\n")");
}

Test(json_writer, puts_commas_between_values_only) {
    std::string out = ">";
    json::Writer writer{out};
    writer.begin_object();
    writer.key("a");
    writer.begin_array();
    writer.end_array();
    writer.key("b");
    writer.begin_object();
    writer.end_object();
    writer.key("c");
    writer.begin_array();
    writer.null();
    writer.boolean(true);
    writer.boolean(false);
    writer.begin_array();
    writer.integer(1);
    writer.number(2.5);
    writer.end_array();
    writer.begin_object();
    writer.key("d\"\n");
    writer.string("e");
    writer.key("");
    writer.raw(R"({"f":[0]})");
    writer.end_object();
    writer.raw("7");
    writer.end_array();
    writer.key("g");
    writer.null();
    writer.end_object();
    EXPECT_TEXT(
        out,
        R"(>{"a":[],"b":{},"c":[null,true,false,[1,2.5],{"d\"\n":"e","":{"f":[0]}},7],"g":null})");
}
