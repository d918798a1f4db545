#include "cli/arguments.hpp"

#include <algorithm>

#include "cli/nearest.hpp"
#include "shared/control_characters.hpp"
#include "shared/text.hpp"

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

std::string quoted(std::string_view word) { return '"' + printable(word) + '"'; }

}  // namespace

Arguments::Arguments(std::string_view command, std::span<const std::string> words)
    : command_(command) {
    if (!std::all_of(words.begin(), words.end(), is_utf8)) fail("an argument is not UTF-8");
    const auto end = std::find(words.begin(), words.end(), "--");
    words_.assign(words.begin(), end);
    if (end != words.end()) operands_.assign(end + 1, words.end());
}

bool Arguments::asks_for_help() const {
    return std::any_of(words_.begin(), words_.end(),
                       [](const auto& word) { return word == "--help" || word == "-h"; });
}

std::optional<std::string> Arguments::option(std::string_view name) {
    options_.push_back(name);
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
    options_.push_back(name);
    const auto found = std::find(words_.begin(), words_.end(), name);
    if (found == words_.end()) return false;
    words_.erase(found);
    return true;
}

std::string Arguments::word(std::string_view what) {
    refuse_options();
    if (empty()) fail(std::string{what} + " is missing");
    auto& left = words_.empty() ? operands_ : words_;
    auto word = left.front();
    left.erase(left.begin());
    return word;
}

std::string Arguments::choice(std::string_view what,
                              std::initializer_list<std::string_view> choices) {
    refuse_options();
    if (empty()) fail(std::string{what} + " is missing: " + listed(choices));
    auto found = word(what);
    if (std::find(choices.begin(), choices.end(), found) == choices.end())
        fail("unknown " + std::string{what} + " " + quoted(found) + ": " + listed(choices));
    return found;
}

void Arguments::end() const {
    refuse_options();
    if (empty()) return;
    fail("unexpected argument " + quoted(words_.empty() ? operands_.front() : words_.front()));
}

void Arguments::fail(const std::string& message) const {
    throw UsageError(command_ + ": " + message);
}

void Arguments::refuse_options() const {
    for (const auto& word : words_)
        if (word.starts_with('-'))
            fail("unknown option " + quoted(word) +
                 suggestion(word.substr(0, word.find('=')), options_));
}
