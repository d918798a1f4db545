#include <algorithm>
#include <array>
#include <stdexcept>

#include "shared/config/config.hpp"
#include "shared/config/kinds.hpp"
#include "shared/config/setting.hpp"
#include "shared/text.hpp"

namespace {

using namespace kinds;

constexpr std::size_t min_api_key_bytes = 16;

// Whether it can be the value of a header.
bool is_api_key(std::string_view text) {
    return text.size() >= min_api_key_bytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool is_email_or_empty(std::string_view text) {
    return text.empty() || (text.find('@') != text.npos && trimmed(text).size() == text.size());
}

bool is_origin_or_empty(std::string_view text) { return text.empty() || is_origin(text); }

constexpr std::array table = {
#define ROW(is_secret, name, member, kind, default_value, description)                          \
    Setting{                                                                                    \
        #name,                                                                                  \
        default_value,                                                                          \
        description,                                                                            \
        is_secret,                                                                              \
        [] { return (kind).form(); },                                                           \
        [](Config& config, std::string_view text) { return (kind).read(text, config.member); }, \
        [](const Config& config) { return (kind).print(config.member); }},
#define SETTING(name, type, ...) ROW(false, name, __VA_ARGS__)
#define SECRET(name, type, ...) ROW(true, name, __VA_ARGS__)
#include "shared/config/settings.def"
#undef SECRET
#undef SETTING
#undef ROW
};

}  // namespace

std::span<const Setting> settings() { return table; }

const Setting& setting(std::string_view name) {
    const auto* const found =
        std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.name == name; });
    if (found == table.end()) throw std::logic_error("no setting " + std::string{name});
    return *found;
}
