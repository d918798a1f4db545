#include "shared/quota.hpp"

#include <array>
#include <utility>

#include "shared/number.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::array<std::pair<std::string_view, std::chrono::seconds>, 4> units = {
    {{"second", 1s}, {"minute", 60s}, {"hour", 3600s}, {"day", 86'400s}}};

}  // namespace

std::optional<Quota> parse_quota(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == text.npos) return std::nullopt;
    Quota quota;
    const auto limit = parse_number<decltype(quota.limit)>(text.substr(0, slash));
    if (!limit) return std::nullopt;
    quota.limit = *limit;
    for (const auto& [name, window] : units)
        if (name == text.substr(slash + 1)) quota.window = window;
    if (quota.limit < 1 || quota.limit > quota.window.count() * 1000) return std::nullopt;
    return quota;
}

std::string text_of(const Quota& quota) {
    std::string text = std::to_string(quota.limit) + "/";
    for (const auto& [name, window] : units)
        if (window == quota.window) text += name;
    return text;
}

Pace pace_of(const Quota& quota) {
    const auto interval_ms = (quota.window.count() * 1000 + quota.limit - 1) / quota.limit;
    return {interval_ms, interval_ms * quota.limit};
}
