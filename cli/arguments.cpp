#include "cli/arguments.hpp"

#include <algorithm>

namespace {

// "up, down or status"
std::string listed(std::initializer_list<std::string_view> choices) {
    std::string list;
    for (const auto* choice = choices.begin(); choice != choices.end(); ++choice)
        list.append(choice == choices.begin()     ? ""
                    : choice + 1 == choices.end() ? " or "
                                                  : ", ")
            .append(*choice);
    return list;
}

std::string quoted(std::string_view word) { return '"' + std::string{word} + '"'; }

}  // namespace

bool Arguments::asks_for_help() const {
    return std::any_of(words_.begin(), words_.end(),
                       [](const auto& word) { return word == "--help" || word == "-h"; });
}

std::optional<std::string> Arguments::option(std::string_view name) {
    const auto with_value = std::string{name} + "=";
    std::optional<std::string> value;
    for (auto word = words_.begin(); word != words_.end();) {
        const bool has_value = word->starts_with(with_value);
        if (*word != name && !has_value) {
            ++word;
            continue;
        }
        if (value) fail(std::string{name} + " is given twice");
        if (!has_value && word + 1 == words_.end()) fail(std::string{name} + " needs a value");
        value = has_value ? word->substr(with_value.size()) : word[1];
        word = words_.erase(word, word + (has_value ? 1 : 2));
    }
    return value;
}

bool Arguments::flag(std::string_view name) {
    const auto found = std::find(words_.begin(), words_.end(), name);
    if (found == words_.end()) return false;
    words_.erase(found);
    return true;
}

std::string Arguments::word(std::string_view what) {
    refuse_options();
    if (words_.empty()) fail(std::string{what} + " is missing");
    auto word = words_.front();
    words_.erase(words_.begin());
    return word;
}

std::string Arguments::choice(std::string_view what,
                              std::initializer_list<std::string_view> choices) {
    refuse_options();
    if (words_.empty()) fail(std::string{what} + " is missing: " + listed(choices));
    auto found = word(what);
    if (std::find(choices.begin(), choices.end(), found) == choices.end())
        fail("unknown " + std::string{what} + " " + quoted(found) + ": " + listed(choices));
    return found;
}

void Arguments::end() const {
    refuse_options();
    if (!words_.empty()) fail("unexpected argument " + quoted(words_.front()));
}

void Arguments::fail(const std::string& message) const {
    throw UsageError(command_ + ": " + message);
}

void Arguments::refuse_options() const {
    for (const auto& word : words_)
        if (word.starts_with('-')) fail("unknown option " + quoted(word));
}
