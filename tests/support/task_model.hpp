// What lists of personal tasks should show, computed without a database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/models/task.hpp"

// The query of a list. Empty members are not sent.
struct ModelQuery {
    std::string status = "all";
    std::string sort = "created_at";
    std::string order = "desc";
    std::optional<Timestamp> due_after = std::nullopt;
    std::optional<Timestamp> due_before = std::nullopt;
    std::vector<Priority> priorities = {};
    std::vector<std::string> tags = {};
    std::string q = {};

    // "?status=all&…"
    std::string target() const;
};

inline constexpr const char* task_statuses[] = {"all", "pending", "completed"};
inline constexpr const char* task_sorts[] = {"created_at", "updated_at", "title", "due_date",
                                             "priority"};
inline constexpr const char* task_orders[] = {"asc", "desc"};

bool is_listed(const Task& task, const ModelQuery& query);

// The ids of all tasks that the query lists, in their order.
std::vector<std::int64_t> listed_ids(const std::vector<Task>& tasks, const ModelQuery& query);
