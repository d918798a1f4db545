// A row of the table of settings, for code that works with all of them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shared/config/setting_group.hpp"

struct Config;

struct Setting {
    std::string_view name;
    SettingGroup group;
    std::string_view default_value;
    std::string_view description;
    bool is_secret;

    // The valid values, if they are a choice or a range: "on|off", "1 to 100".
    std::string (*form)();

    // Parses the text into the member. Returns the fault as the rest of a sentence that starts with
    // the name ("must be …"); empty if the text is valid.
    std::string (*read)(Config& config, std::string_view text);

    // The value of the member in the form that read() takes.
    std::string (*print)(const Config& config);

    // The value for people: as print(), but without secrets.
    std::string (*show)(const Config& config);
};

// The rows of settings.def, in alphabetical order.
std::span<const Setting> settings();

// The row with that name. Throws std::logic_error if there is none.
const Setting& setting(std::string_view name);

// The row with that name, or null.
const Setting* find_setting(std::string_view name);
