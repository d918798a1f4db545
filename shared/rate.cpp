#include "shared/rate.hpp"

#include <array>
#include <utility>

#include "shared/number.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::array<std::pair<std::string_view, std::chrono::seconds>, 4> units = {
    {{"second", 1s}, {"minute", 60s}, {"hour", 3600s}, {"day", 86'400s}}};

}  // namespace

std::optional<Rate> parse_rate(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == text.npos) return std::nullopt;
    Rate rate;
    const auto limit = parse_number<decltype(rate.limit)>(text.substr(0, slash));
    if (!limit) return std::nullopt;
    rate.limit = *limit;
    for (const auto& [name, window] : units)
        if (name == text.substr(slash + 1)) rate.window = window;
    if (rate.limit < 1 || rate.limit > rate.window.count() * 1000) return std::nullopt;
    return rate;
}

std::string text_of(const Rate& rate) {
    std::string text = std::to_string(rate.limit) + "/";
    for (const auto& [name, window] : units)
        if (window == rate.window) text += name;
    return text;
}

Pace pace_of(const Rate& rate) {
    const auto interval_ms = (rate.window.count() * 1000 + rate.limit - 1) / rate.limit;
    return {interval_ms, interval_ms * rate.limit};
}
