// Adds rows of personal data without the handlers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/models/priority.hpp"
#include "tests/support/service.hpp"

// The user whose token Service::with_token() sends, and another user.
inline const std::string me = "11111111-2222-4333-8444-555555555555";
inline const std::string other = "other";
inline const std::string my_tasks = "/api/v1/" + me + "/tasks";
inline const std::string my_conversations = "/api/v1/" + me + "/conversations";

// 2026-01-08T12:34:56.123456Z
inline constexpr std::int64_t a_moment = 1'767'875'696'123'456;

struct TaskRow {
    std::string user_id = me;
    std::string title = "Buy milk";
    std::string description = "two litres";
    bool completed = false;
    std::int64_t created_at = a_moment;
    std::int64_t updated_at = a_moment;
    std::optional<std::int64_t> due_date = std::nullopt;
    Priority priority = Priority::none;
    std::vector<std::string> tags = {};
};

// Each function adds the user's row if it is missing, and returns the id of the new row.
std::int64_t add_task(Service& service, const TaskRow& row = {});
std::int64_t add_conversation(Service& service, const std::string& user_id = me,
                              std::int64_t created_at = a_moment,
                              std::int64_t updated_at = a_moment);
std::int64_t add_message(Service& service, std::int64_t conversation_id, const std::string& content,
                         const std::string& user_id = me);

// Fails the test unless only the user may send this request: another user's token gets 403, an
// invalid or missing token 401.
void expect_owner_only(Service& service, Sent sent);

// The ids and the cursor of a page, which must be a 200.
std::vector<std::int64_t> ids_of(const Response& response);
std::string next_cursor(const Response& response);

// Deletes all rows of a table, with the rows of other tables that refer to them.
void remove_all(Service& service, const std::string& table);

// The number of rows that match: "tasks WHERE id = 1".
std::int64_t count(Service& service, const std::string& what);

// The newest event as "task.created user:u /tasks/1 {…}": type, audience, subject, and the data in
// the canonical JSON that the trigger wrote.
std::string last_event(Service& service);
