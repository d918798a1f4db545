#include "tests/support/task_model.hpp"

#include <algorithm>
#include <tuple>

#include "shared/text.hpp"

namespace {

bool has_tag(const Task& task, const std::string& wanted) {
    return std::any_of(task.tags.begin(), task.tags.end(),
                       [&](const auto& tag) { return case_folded(tag) == case_folded(wanted); });
}

bool has_word(const Task& task, std::string_view word) {
    const auto is_in = [&](const auto& text) {
        return folded(text).find(word) != std::string::npos;
    };
    return is_in(task.title) || is_in(task.description) ||
           std::any_of(task.tags.begin(), task.tags.end(), is_in);
}

bool is_before(const Task& left, const Task& right, const ModelQuery& query) {
    if (query.sort == "due_date" && left.due_date.has_value() != right.due_date.has_value())
        return left.due_date.has_value();
    const auto key = [&](const Task& task) {
        std::string folded_title;
        std::string title;
        std::int64_t number = 0;
        if (query.sort == "title") {
            folded_title = folded(task.title);
            title = task.title;
        }
        if (query.sort == "created_at") number = task.created_at.microseconds;
        if (query.sort == "updated_at") number = task.updated_at.microseconds;
        if (query.sort == "due_date") number = task.due_date.value_or(Timestamp{}).microseconds;
        if (query.sort == "priority") number = static_cast<std::int64_t>(task.priority);
        return std::tuple{folded_title, title, number, task.id};
    };
    return query.order == "asc" ? key(left) < key(right) : key(right) < key(left);
}

}  // namespace

std::string ModelQuery::target() const {
    auto text = "?status=" + status + "&sort=" + sort + "&order=" + order;
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) text.append("&").append(name).append("=").append(percent_encode(value));
    };
    if (due_after) add("due_after", due_after->text());
    if (due_before) add("due_before", due_before->text());
    std::string names;
    for (const auto priority : priorities)
        names.append(names.empty() ? "" : ",")
            .append(priority_names.at(static_cast<std::size_t>(priority)));
    add("priority", names);
    std::string all_tags;
    for (const auto& tag : tags) all_tags.append(all_tags.empty() ? "" : ",").append(tag);
    add("tag", all_tags);
    add("q", q);
    return text;
}

bool is_listed(const Task& task, const ModelQuery& query) {
    if (query.status != "all" && task.completed != (query.status == "completed")) return false;
    if (query.due_after && !(task.due_date > query.due_after)) return false;
    if (query.due_before && !(task.due_date && *task.due_date < *query.due_before)) return false;
    if (!query.priorities.empty() && std::find(query.priorities.begin(), query.priorities.end(),
                                               task.priority) == query.priorities.end())
        return false;
    if (!std::all_of(query.tags.begin(), query.tags.end(),
                     [&](const auto& tag) { return has_tag(task, tag); }))
        return false;
    const auto folded_q = folded(query.q);
    for (const auto word : split(folded_q, ' '))
        if (!word.empty() && !has_word(task, word)) return false;
    return true;
}

std::vector<std::int64_t> listed_ids(const std::vector<Task>& tasks, const ModelQuery& query) {
    std::vector<Task> listed;
    std::copy_if(tasks.begin(), tasks.end(), std::back_inserter(listed),
                 [&](const auto& task) { return is_listed(task, query); });
    std::sort(listed.begin(), listed.end(),
              [&](const auto& left, const auto& right) { return is_before(left, right, query); });
    std::vector<std::int64_t> ids;
    for (const auto& task : listed) ids.push_back(task.id);
    return ids;
}
