#include "shared/number.hpp"

#include <cstdint>
#include <string>

#include "tests/support/expect.hpp"

Test(number, is_the_whole_text) {
    cr_expect_eq(parse_number<int>("0"), 0);
    cr_expect_eq(parse_number<int>("-42"), -42);
    cr_expect_eq(parse_number<int>("007"), 7);
    for (const char* text : {"", "-", "+1", " 1", "1 ", "1x", "x1", "1.0", "1e3", "0x1", "--1"})
        cr_expect_not(parse_number<int>(text).has_value(), "%s", text);
    cr_expect_not(parse_number<int>(std::string_view{"1\0", 2}).has_value());
}

Test(number, fits_its_type) {
    cr_expect_eq(parse_number<std::int64_t>("-9223372036854775808"), INT64_MIN);
    cr_expect_eq(parse_number<std::int64_t>("9223372036854775807"), INT64_MAX);
    cr_expect_not(parse_number<std::int64_t>("9223372036854775808").has_value());
    cr_expect_not(parse_number<std::uint8_t>("256").has_value());
    cr_expect_not(parse_number<unsigned>("-1").has_value());
}
