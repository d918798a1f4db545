// Integers at the limits of canonical JSON (RFC 8785, section 3.2.2.3).
#pragma once

#include <string>

#include "tests/support/service.hpp"

// Integers that a double cannot hold exactly, or that lie in the range of those.
inline constexpr const char* inexact_integers[] = {
    "9007199254740992",
    "-9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "-18446744073709551616",
    "100000000000000000000000000000",
    "123456789012345678901234567890",
    "-123456789012345678901234567890",
    "115792089237316195423570985008687907853269984665640564039457584007913129639935",
};

// Accepted numbers, as sent and as returned. Integers keep their value. A number with a fraction or
// an exponent is read as a double.
inline constexpr const char* kept_numbers[][2] = {
    {"0", "0"},
    {"-0", "0"},
    {"9007199254740991", "9007199254740991"},
    {"-9007199254740991", "-9007199254740991"},
    {"9007199254740993.0", "9007199254740992"},
    {"9007199254740993e0", "9007199254740992"},
    {"18446744073709551615.5", "18446744073709552000"},
    {"1e300", "1e+300"},
};

// Fails the test unless a member that accepts any JSON refuses each of these numbers, alone and
// nested. `send(json)` sends a request with this value in the member at `location`.
template <class Send>
void expect_refuses_inexact_integers(const char* location, Send send) {
    for (const std::string number : inexact_integers)
        for (const auto& json : {number, "[1," + number + "]", "{\"a\":" + number + "}",
                                 "[{\"a\":{\"b\":[[" + number + "]]}}]"})
            expect_detail(send(json), location, "value_error");
    // This number exceeds the range of a double.
    expect_error(send("1" + std::string(400, '0')), Error::validation_error);
}
