#include "shared/timestamp.hpp"

#include <chrono>
#include <cstring>

namespace {

void put_digits(char* end, std::int64_t value, int count) {
    for (; count > 0; --count, value /= 10) *--end = static_cast<char>('0' + value % 10);
}

}  // namespace

Timestamp Timestamp::now() {
    using namespace std::chrono;
    return {
        duration_cast<std::chrono::microseconds>(system_clock::now().time_since_epoch()).count()};
}

std::string Timestamp::text() const {
    const auto all = characters();
    return {all.data(), all.size()};
}

std::array<char, 27> Timestamp::characters() const {
    using namespace std::chrono;
    const sys_time<std::chrono::microseconds> moment{std::chrono::microseconds{microseconds}};
    const auto day = floor<days>(moment);
    const year_month_day date{day};
    const auto in_day = (moment - day).count();

    std::array<char, 27> text;
    char* const start = text.data();
    std::memcpy(start, "0000-00-00T00:00:00.000000Z", text.size());
    put_digits(start + 4, static_cast<int>(date.year()), 4);
    put_digits(start + 7, static_cast<unsigned>(date.month()), 2);
    put_digits(start + 10, static_cast<unsigned>(date.day()), 2);
    put_digits(start + 13, in_day / 3'600'000'000, 2);
    put_digits(start + 16, in_day / 60'000'000 % 60, 2);
    put_digits(start + 19, in_day / 1'000'000 % 60, 2);
    put_digits(start + 26, in_day % 1'000'000, 6);
    return text;
}
