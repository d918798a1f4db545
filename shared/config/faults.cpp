#include "shared/config/faults.hpp"

#include "shared/config_error.hpp"

void Faults::add_to(std::string_view setting, const std::string& text) {
    if (text.empty()) return;
    settings_.emplace(setting);
    texts_.push_back(std::string{setting} + " " + text);
}

void Faults::throw_if_any() const {
    if (texts_.empty()) return;
    std::string all;
    for (const auto& text : texts_) all.append(all.empty() ? "" : "\n").append(text);
    throw ConfigError(all);
}
