// A row of the table of settings, for whatever goes over all of them.
#pragma once

#include <span>
#include <string>
#include <string_view>

struct Config;

struct Setting {
    std::string_view name;
    std::string_view default_value;
    std::string_view description;
    bool is_secret;

    // What the text may be where that is a choice or a range: "on|off", "1 to 100".
    std::string (*form)();

    // Parses the text into the member. Returns what is wrong with it, as the rest of a sentence
    // that starts with the name ("must be …"); empty when nothing is.
    std::string (*read)(Config& config, std::string_view text);

    // The value of the member as read() takes it.
    std::string (*print)(const Config& config);
};

// The rows of settings.def, in alphabetical order.
std::span<const Setting> settings();

// The row of that name. Throws std::logic_error when there is none.
const Setting& setting(std::string_view name);
