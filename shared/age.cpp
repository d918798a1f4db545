#include "shared/age.hpp"

#include <array>
#include <cstdint>
#include <utility>

#include "shared/number.hpp"

namespace {

using std::chrono::seconds;

constexpr seconds oldest{36'500LL * 86'400};

constexpr std::array<std::pair<char, seconds>, 4> units = {
    {{'d', seconds{86'400}}, {'h', seconds{3600}}, {'m', seconds{60}}, {'s', seconds{1}}}};

}  // namespace

std::optional<seconds> parse_age(std::string_view text) {
    if (text.empty()) return std::nullopt;
    const auto number = parse_number<std::int64_t>(text.substr(0, text.size() - 1));
    if (!number || *number < 1 || *number > oldest.count()) return std::nullopt;
    for (const auto& [letter, length] : units)
        if (letter == text.back() && *number <= oldest / length) return *number * length;
    return std::nullopt;
}

std::string text_of_age(seconds age) {
    for (const auto& [letter, length] : units)
        if (age % length == seconds{0}) return std::to_string(age / length) + letter;
    return {};  // a second divides every age
}
