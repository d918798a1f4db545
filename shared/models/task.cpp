#include "shared/models/task.hpp"

#include "shared/text.hpp"

namespace {

// Encloses each tag in the folded texts. Folding leaves no control character in any text.
constexpr char tag_mark = '\x1f';

std::string marked(std::string_view tag) { return tag_mark + case_folded(tag) + tag_mark; }

}  // namespace

void TaskOperation::check(const TaskOperation& operation, json::Faults& faults) {
    if (faults.concern("op")) return;
    const auto& op = operation.op;
    const bool creates = op == "create";
    json::for_each_field<TaskOperation>([&](const auto& field) {
        if constexpr (requires { (operation.*field.member).has_value(); }) {
            const bool is_there = (operation.*field.member).has_value();
            const bool is_id = field.name == "id";
            const bool is_needed = is_id ? !creates : creates && field.name == "title";
            const bool is_allowed = is_id ? !creates
                                          : creates || op == "update" ||
                                                (op == "complete" && field.name == "completed");
            const bool is_missing = !is_there && is_needed && !faults.concern(field.name);
            faults.enter(std::string{field.name});
            if (is_there && !is_allowed)
                faults.add("Extra inputs are not permitted", "extra_forbidden");
            if (is_missing) faults.add("Field required", "missing");
            faults.leave();
        }
    });
    if (op == "update" && json::is_empty<TaskChange>(operation))
        faults.add("Value error, name at least one member to change", "value_error");
}

std::string folded_title(std::string_view title) {
    constexpr std::size_t max_bytes = 1000;
    auto text = folded(title);
    auto end = std::min(text.size(), max_bytes);
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text.resize(end);
    return text;
}

// A search ignores accents and a filter does not, so each tag is there twice.
std::string folded_tags(const std::vector<std::string>& tags) {
    std::string text;
    for (const auto& tag : tags) text.append(folded(tag)).append("\n").append(marked(tag));
    return text;
}

std::optional<std::string> search_parts(const TaskQuery& query) {
    std::vector<std::string> parts;
    if (query.q) {
        const auto words = folded(*query.q);
        for (const auto word : split(words, ' '))
            if (!word.empty()) parts.emplace_back(word);
        if (parts.empty())
            throw invalid({"query", "q"}, "Value error, it has no letter, digit or sign to search");
    }
    if (query.tag)
        for (const auto& tag : query.tag->values) parts.push_back(marked(tag));
    if (parts.empty()) return std::nullopt;
    return json::write(parts);
}
