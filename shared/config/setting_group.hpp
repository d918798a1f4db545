// The settings that the same programs read. `steelthread` reads all of them. An endpoint reads
// those that its declaration calls for (setting_groups(), endpoint.hpp), and its processes get no
// others.
#pragma once

#include <array>
#include <cstddef>
#include <set>
#include <string_view>

enum class SettingGroup { service, common, tokens, keys, limits, passwords };

using SettingGroups = std::set<SettingGroup>;

struct SettingGroupRow {
    std::string_view name;     // in --describe and nginx/endpoints.json
    std::string_view readers;  // in the documentation
};

// One row for each value of SettingGroup, in its order.
inline constexpr std::array setting_group_rows = {
    SettingGroupRow{"service", "the service only"},
    SettingGroupRow{"common", "every endpoint"},
    SettingGroupRow{"tokens", "endpoints that take or issue tokens"},
    SettingGroupRow{"keys", "endpoints that take API keys"},
    SettingGroupRow{"limits", "endpoints that limit calls"},
    SettingGroupRow{"passwords", "endpoints that hash passwords"},
};

constexpr const SettingGroupRow& row_of(SettingGroup group) {
    return setting_group_rows[static_cast<std::size_t>(group)];
}

// The group with this name. Throws std::logic_error if there is none.
SettingGroup setting_group(std::string_view name);

// Every group: what `steelthread` reads.
SettingGroups all_setting_groups();
