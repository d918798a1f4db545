#include "shared/models/task.hpp"

#include "shared/text.hpp"

namespace {

// Encloses each tag in the folded texts. Folding leaves no control character in any text.
constexpr char tag_mark = '\x1f';

std::string marked(std::string_view tag) { return tag_mark + case_folded(tag) + tag_mark; }

}  // namespace

void TaskOperation::check(const TaskOperation& operation, json::Faults& faults) {
    if (faults.concern("op")) return;
    const auto expect = [&](std::string_view member, bool is_there, bool is_needed,
                            bool is_allowed) {
        faults.enter(std::string{member});
        if (is_there && !is_allowed)
            faults.add("Extra inputs are not permitted", "extra_forbidden");
        faults.leave();
        if (is_there || !is_needed || faults.concern(member)) return;
        faults.enter(std::string{member});
        faults.add("Field required", "missing");
        faults.leave();
    };
    const auto& op = operation.op;
    const bool creates = op == "create";
    const bool changes = creates || op == "update";
    expect("id", operation.id.has_value(), !creates, !creates);
    expect("title", operation.title.has_value(), creates, changes);
    expect("description", operation.description.has_value(), false, changes);
    expect("completed", operation.completed.has_value(), false, op != "delete");
    expect("due_date", operation.due_date.has_value(), false, changes);
    expect("priority", operation.priority.has_value(), false, changes);
    expect("tags", operation.tags.has_value(), false, changes);
    const bool has_change = operation.title || operation.description || operation.completed ||
                            operation.due_date || operation.priority || operation.tags;
    if (op == "update" && !has_change)
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

StoredOperation::StoredOperation(const TaskOperation& operation, std::size_t at)
    : position(static_cast<std::int64_t>(at)),
      id(operation.id),
      title(operation.title),
      description(operation.description),
      // As an optional: a bool could also be made from whether it has a value.
      completed(static_cast<const std::optional<bool>&>(operation.completed)),
      due_date(operation.due_date.value_or(std::nullopt)),
      has_due_date(operation.due_date.has_value()) {
    if (operation.op == "complete") completed = operation.completed.value_or(true);
    if (operation.priority) priority = static_cast<std::int64_t>(*operation.priority);
    if (operation.tags) tags = json::write(*operation.tags);
    const auto folded = folded_texts(operation);
    folded_title = folded.folded_title;
    folded_description = folded.folded_description;
    folded_tags = folded.folded_tags;
}
