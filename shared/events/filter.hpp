// What a reader of the feed wants to see of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// A text, or the beginning of one followed by "*".
class EventPattern {
public:
    // Nullopt if the text is empty or has a "*" that is not its last character.
    static std::optional<EventPattern> parse(std::string_view text);

    bool accepts(std::string_view text) const {
        return is_prefix_ ? text.starts_with(text_) : text == text_;
    }
    bool accepts_all() const { return is_prefix_ && text_.empty(); }

private:
    std::string text_;
    bool is_prefix_ = false;
};

// Accepts the events with one of the types and with the subject; all of them by default.
class EventFilter {
public:
    EventFilter() = default;
    // The parameters `types` (patterns separated by commas) and `subject` (a pattern) of a request.
    // Throws ApiError (422).
    EventFilter(const std::optional<std::string>& types, const std::optional<std::string>& subject);

    bool accepts(std::string_view type, std::string_view subject) const;
    bool accepts_all() const { return types_.empty() && !subject_; }

private:
    std::vector<EventPattern> types_;  // empty for any
    std::optional<EventPattern> subject_;
};
