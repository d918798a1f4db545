#include "shared/timestamp.hpp"

#include <chrono>
#include <ctime>
#include <random>

#include "tests/support/expect.hpp"

namespace {

std::int64_t clock_microseconds() {
    using namespace std::chrono;
    return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

Test(timestamp, is_rfc_3339_with_six_fractional_digits) {
    static constexpr struct {
        std::int64_t microseconds;
        const char* text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {1, "1970-01-01T00:00:00.000001Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {1'767'875'696'123'456, "2026-01-08T12:34:56.123456Z"},
        {951'782'400'000'000, "2000-02-29T00:00:00.000000Z"},
        {951'868'799'999'999, "2000-02-29T23:59:59.999999Z"},
        {-2'203'891'200'000'000, "1900-03-01T00:00:00.000000Z"},
        {-2'203'891'200'000'001, "1900-02-28T23:59:59.999999Z"},
        {946'684'800'000'000, "2000-01-01T00:00:00.000000Z"},
        {2'147'483'648'000'000, "2038-01-19T03:14:08.000000Z"},
        {1'709'164'800'000'100, "2024-02-29T00:00:00.000100Z"},
        {-62'135'596'800'000'000, "0001-01-01T00:00:00.000000Z"},
        {-62'167'219'200'000'000, "0000-01-01T00:00:00.000000Z"},
        {253'402'300'799'999'999, "9999-12-31T23:59:59.999999Z"},
    };
    for (const auto& [microseconds, text] : cases)
        EXPECT_TEXT(Timestamp{microseconds}.text(), text);
}

Test(timestamp, agrees_with_the_c_library) {
    std::mt19937_64 random{1};
    std::uniform_int_distribution<std::int64_t> seconds{-62'135'596'800, 253'402'300'799};
    for (int i = 0; i < 20'000; ++i) {
        const std::time_t second = seconds(random);
        std::tm fields{};
        cr_assert(gmtime_r(&second, &fields) != nullptr);
        char expected[64];
        std::snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.000042Z",
                      fields.tm_year + 1900, fields.tm_mon + 1, fields.tm_mday, fields.tm_hour,
                      fields.tm_min, fields.tm_sec);
        EXPECT_TEXT((Timestamp{second * 1'000'000 + 42}.text()), expected);
    }
}

Test(timestamp, now_is_the_system_clock) {
    const auto before = clock_microseconds();
    const auto now = Timestamp::now();
    const auto after = clock_microseconds();
    cr_expect_leq(before, now.microseconds);
    cr_expect_leq(now.microseconds, after);
}

Test(timestamp, is_ordered_like_time) {
    cr_expect(Timestamp{-1} < Timestamp{0});
    cr_expect(Timestamp{1} > Timestamp{0});
    cr_expect(Timestamp{5} == Timestamp{5});
}

Test(timestamp, reads_rfc_3339) {
    static constexpr struct {
        const char* text;
        const char* moment;
    } cases[] = {
        {"2026-01-08T12:34:56Z", "2026-01-08T12:34:56.000000Z"},
        {"2026-01-08t12:34:56.1z", "2026-01-08T12:34:56.100000Z"},
        {"2026-01-08T12:34:56.123456+00:00", "2026-01-08T12:34:56.123456Z"},
        {"2026-01-08T00:30:00.000001+01:30", "2026-01-07T23:00:00.000001Z"},
        {"2024-02-28T23:30:00-23:59", "2024-02-29T23:29:00.000000Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
        {"9999-12-31T23:59:59.999999-00:00", "9999-12-31T23:59:59.999999Z"},
        // .NET writes 7 digits, Go, Java and Rust up to 9; a database keeps 6.
        {"2026-01-08T12:34:56.1234567Z", "2026-01-08T12:34:56.123456Z"},
        {"2026-01-08T12:34:56.123456999+00:00", "2026-01-08T12:34:56.123456Z"},
        {"2026-01-08T12:34:56.00000000000000000001Z", "2026-01-08T12:34:56.000000Z"},
        // A leap second is the next second.
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
        {"2016-12-31T15:59:60.25-08:00", "2017-01-01T00:00:00.250000Z"},
    };
    for (const auto& [text, moment] : cases) {
        const auto parsed = Timestamp::parse(text);
        cr_assert(parsed.has_value(), "%s", text);
        EXPECT_TEXT(parsed->text(), moment);
    }
}

Test(timestamp, reads_nothing_else) {
    for (const char* text : {"",
                             "2026",
                             "2026-01-08",
                             "2026-01-08T12:34:56",
                             "2026-01-08 12:34:56Z",
                             "2026-01-08T12:34Z",
                             "2026-1-8T12:34:56Z",
                             "2026-00-08T12:34:56Z",
                             "2026-13-08T12:34:56Z",
                             "2026-01-00T12:34:56Z",
                             "2026-02-29T12:34:56Z",
                             "2026-04-31T12:34:56Z",
                             "2026-01-08T24:00:00Z",
                             "2026-01-08T12:60:00Z",
                             "2026-01-08T12:34:60Z",
                             "2026-01-08T12:34:56.Z",
                             "2026-12-31T23:59:61Z",
                             "2026-12-31T23:59:60+00:01",
                             "9999-12-31T23:59:60Z",
                             "2026-01-08T12:34:56.1234567",
                             "2026-01-08T12:34:56,1Z",
                             "2026-01-08T12:34:56+0100",
                             "2026-01-08T12:34:56+24:00",
                             "2026-01-08T12:34:56+01:60",
                             "2026-01-08T12:34:56+01:00Z",
                             "2026-01-08T12:34:56Z ",
                             " 2026-01-08T12:34:56Z",
                             "-026-01-08T12:34:56Z",
                             "2026-01-08T12:34:-6Z",
                             "0000-12-31T23:59:59Z",
                             "0001-01-01T00:00:00+00:01",
                             "9999-12-31T23:59:59-00:01",
                             "2026-01-08T12:34:56\xc2\xa0Z"})
        cr_expect(!Timestamp::parse(text), "%s", text);
}

Test(timestamp, reads_what_it_writes) {
    std::mt19937_64 random{1};
    std::uniform_int_distribution<std::int64_t> moments{Timestamp::first().microseconds,
                                                        Timestamp::last().microseconds};
    for (int i = 0; i < 20'000; ++i) {
        const Timestamp moment{moments(random)};
        cr_assert(Timestamp::parse(moment.text()) == moment);
    }
}
