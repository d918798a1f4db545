#include "shared/timestamp.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace {

void put_digits(char* end, std::int64_t value, int count) {
    for (; count > 0; --count, value /= 10) *--end = static_cast<char>('0' + value % 10);
}

// Removes exactly `count` digits from the front and returns their value; -1 if there are fewer.
int take_digits(std::string_view& text, std::size_t count) {
    if (text.size() < count) return -1;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(count);
    return value;
}

bool take_one_of(std::string_view& text, std::string_view characters) {
    if (text.empty() || characters.find(text.front()) == characters.npos) return false;
    text.remove_prefix(1);
    return true;
}

// "hh:mm" as minutes; -1 for anything else.
int take_minutes(std::string_view& text) {
    const int hours = take_digits(text, 2);
    if (!take_one_of(text, ":")) return -1;
    const int minutes = take_digits(text, 2);
    return hours < 0 || hours > 23 || minutes < 0 || minutes > 59 ? -1 : hours * 60 + minutes;
}

// Returns ".123" as microseconds, 0 without a fraction, and -1 for anything else. Cuts the digits
// after the sixth.
int take_fraction(std::string_view& text) {
    if (!take_one_of(text, ".")) return 0;
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits < 1) return -1;
    auto kept = text.substr(0, std::min<std::size_t>(digits, 6));
    text.remove_prefix(digits);
    int value = take_digits(kept, kept.size());
    for (auto i = digits; i < 6; ++i) value *= 10;
    return value;
}

// The offset of the zone at the end from UTC, in minutes; nullopt for anything else.
std::optional<int> take_zone(std::string_view text) {
    if (text == "Z" || text == "z") return 0;
    const bool is_behind = text.starts_with('-');
    if (!take_one_of(text, "+-")) return std::nullopt;
    const int minutes = take_minutes(text);
    if (minutes < 0 || !text.empty()) return std::nullopt;
    return is_behind ? -minutes : minutes;
}

}  // namespace

std::optional<Timestamp> Timestamp::parse(std::string_view text) {
    using namespace std::chrono;
    const int year_number = take_digits(text, 4);
    if (!take_one_of(text, "-")) return std::nullopt;
    const int month_number = take_digits(text, 2);
    if (!take_one_of(text, "-")) return std::nullopt;
    const int day_number = take_digits(text, 2);
    if (!take_one_of(text, "Tt") || year_number < 0 || month_number < 0 || day_number < 0)
        return std::nullopt;
    const year_month_day date{year{year_number}, month{static_cast<unsigned>(month_number)},
                              day{static_cast<unsigned>(day_number)}};
    const int minutes_of_day = take_minutes(text);
    if (!date.ok() || minutes_of_day < 0 || !take_one_of(text, ":")) return std::nullopt;
    const int second_number = take_digits(text, 2);
    const int fraction = second_number < 0 ? -1 : take_fraction(text);
    const auto zone = take_zone(text);
    if (fraction < 0 || !zone) return std::nullopt;
    constexpr int minutes_in_day = 24 * 60;
    const int utc_minutes = (minutes_of_day - *zone + minutes_in_day) % minutes_in_day;
    const bool is_leap_second = second_number == 60 && utc_minutes == minutes_in_day - 1;
    if (second_number > 59 && !is_leap_second) return std::nullopt;
    const auto moment = sys_days{date} + minutes{minutes_of_day - *zone} + seconds{second_number} +
                        std::chrono::microseconds{fraction};
    const std::int64_t parsed = moment.time_since_epoch().count();
    if (parsed < first().microseconds || parsed > last().microseconds) return std::nullopt;
    return Timestamp{parsed};
}

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
