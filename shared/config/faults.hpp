// The faults of a configuration, collected so that they are all reported at once.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

class Faults {
public:
    // `text` is the rest of a sentence that starts with the setting's name. An empty text is
    // ignored.
    void add_to(std::string_view setting, const std::string& text);

    // A fault of several settings together, each of which may be valid by itself.
    void add(std::string_view text) { texts_.emplace_back(text); }

    bool is_faulty(std::string_view setting) const { return settings_.contains(setting); }

    // Throws ConfigError with one line for each fault, if there are any.
    void throw_if_any() const;

private:
    std::set<std::string, std::less<>> settings_;
    std::vector<std::string> texts_;
};
