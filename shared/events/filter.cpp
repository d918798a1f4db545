#include "shared/events/filter.hpp"

#include <algorithm>

#include "shared/error.hpp"
#include "shared/text.hpp"

namespace {

EventPattern pattern_of(std::string_view text, const char* parameter) {
    auto pattern = EventPattern::parse(text);
    if (!pattern)
        throw invalid({"query", parameter},
                      "Value error, each part is a text, or the beginning of one followed by '*'");
    return *std::move(pattern);
}

}  // namespace

std::optional<EventPattern> EventPattern::parse(std::string_view text) {
    EventPattern pattern;
    pattern.is_prefix_ = text.ends_with('*');
    if (text.empty() || text.find('*') < text.size() - 1) return std::nullopt;
    if (pattern.is_prefix_) text.remove_suffix(1);
    pattern.text_ = text;
    return pattern;
}

EventFilter::EventFilter(const std::optional<std::string>& types,
                         const std::optional<std::string>& subject) {
    if (subject) subject_ = pattern_of(*subject, "subject");
    if (subject_ && subject_->accepts_all()) subject_.reset();
    if (!types) return;
    if (types->empty()) pattern_of(*types, "types");  // has no part
    for (const auto part : split(*types, ',')) types_.push_back(pattern_of(trimmed(part), "types"));
    const bool is_any = std::any_of(types_.begin(), types_.end(),
                                    [](const auto& type) { return type.accepts_all(); });
    if (is_any) types_.clear();
}

bool EventFilter::accepts(std::string_view type, std::string_view subject) const {
    if (subject_ && !subject_->accepts(subject)) return false;
    return types_.empty() || std::any_of(types_.begin(), types_.end(), [&](const auto& pattern) {
               return pattern.accepts(type);
           });
}
