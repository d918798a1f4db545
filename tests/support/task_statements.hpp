// Statements on personal tasks, for tests of databases: what the handlers send.
#pragma once

#include <optional>
#include <string>

#include "shared/db/statement.hpp"
#include "sql/tasks.hpp"

// The limit of the quota is as good as none unless the test says otherwise.
db::Statement inserted_task(const std::string& user_id, const std::string& title,
                            std::int64_t max_tasks = 1'000'000);

// Changes a title if the tags, which may be absent, contain the task's ETag.
db::Statement changed_title(const std::string& user_id, std::int64_t id, const std::string& title,
                            const std::optional<std::string>& etags = std::nullopt);

// A list of all tasks by title from the empty title on. `query` may be the other order.
db::Statement tasks_by_title(const std::string& user_id, std::int64_t limit,
                             std::int64_t after_id = 0,
                             const Query& query = sql::list_tasks_by_title_asc);
