#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>

#include "shared/config/config.hpp"
#include "shared/config/kinds.hpp"
#include "shared/config/setting.hpp"
#include "shared/text.hpp"

namespace {

using namespace kinds;

// An API key is sent as the value of a header.
bool is_api_key(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool is_email_or_empty(std::string_view text) {
    return text.empty() || (text.find('@') != text.npos && trimmed(text).size() == text.size());
}

bool is_file_or_empty(std::string_view text) { return text.empty() || is_plain_path(text); }

bool is_group_or_empty(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
    });
}

bool is_origin_or_empty(std::string_view text) { return text.empty() || is_origin(text); }

// Shows nothing of a secret, unless its kind knows which parts of it are none.
template <class Kind, class T>
std::string shown(bool is_secret, const Kind& kind, const T& value) {
    if constexpr (requires { kind.masked(value); }) {
        return kind.masked(value);
    } else {
        const auto text = kind.print(value);
        return is_secret && !text.empty() ? std::string{mask} : text;
    }
}

constexpr std::array table = {
#define ROW(is_secret, name, group, member, kind, default_value, description)                   \
    Setting{                                                                                    \
        #name,                                                                                  \
        SettingGroup::group,                                                                    \
        default_value,                                                                          \
        description,                                                                            \
        is_secret,                                                                              \
        [] { return (kind).form(); },                                                           \
        [](Config& config, std::string_view text) { return (kind).read(text, config.member); }, \
        [](const Config& config) { return (kind).print(config.member); },                       \
        [](const Config& config) { return shown(is_secret, kind, config.member); }},
#define SETTING(name, group, type, ...) ROW(false, name, group, __VA_ARGS__)
#define SECRET(name, group, type, ...) ROW(true, name, group, __VA_ARGS__)
#include "shared/config/settings.def"
#undef SECRET
#undef SETTING
#undef ROW
};

}  // namespace

std::span<const Setting> settings() { return table; }

const Setting* find_setting(std::string_view name) {
    const auto* const found =
        std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.name == name; });
    return found == table.end() ? nullptr : found;
}

const Setting& setting(std::string_view name) {
    if (const auto* found = find_setting(name)) return *found;
    throw std::logic_error("no setting " + std::string{name});
}

SettingGroup setting_group(std::string_view name) {
    const auto* const found = std::find_if(setting_group_rows.begin(), setting_group_rows.end(),
                                           [&](const auto& row) { return row.name == name; });
    if (found == setting_group_rows.end())
        throw std::logic_error("no group of settings " + std::string{name});
    return static_cast<SettingGroup>(found - setting_group_rows.begin());
}

SettingGroups all_setting_groups() {
    SettingGroups groups;
    for (const auto& row : setting_group_rows) groups.insert(setting_group(row.name));
    return groups;
}
