// The words of a command line after the command's name.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// A command line that is wrong. The message is one line that names what is wrong.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Each function takes out the words that it returns, and throws UsageError. Options are taken
// before other words, and end() is called last. A word "--" ends the options: those after it may
// begin with "-".
class Arguments {
public:
    // Throws UsageError if a word is not UTF-8.
    Arguments(std::string_view command, std::span<const std::string> words);

    bool empty() const { return words_.empty() && operands_.empty(); }

    // Whether --help or -h is among the options.
    bool asks_for_help() const;

    // `name` must outlive the object; an unknown option is compared with all names.
    //
    // The value of "--user ada" or "--user=ada"; nullopt if the option is not there.
    std::optional<std::string> option(std::string_view name);

    // Whether an option without a value is there.
    bool flag(std::string_view name);

    // The next word. `what` names it in messages: "an endpoint".
    std::string word(std::string_view what);

    // The next word, which must be one of these. `what` is a noun: "direction".
    std::string choice(std::string_view what, std::initializer_list<std::string_view> choices);

    // Throws if a word is left.
    void end() const;

    // Throws UsageError with the command's name before the message.
    [[noreturn]] void fail(const std::string& message) const;

private:
    void refuse_options() const;

    std::string command_;
    std::vector<std::string> words_;         // before "--"
    std::vector<std::string> operands_;      // after it
    std::vector<std::string_view> options_;  // those that the command has asked for
};
