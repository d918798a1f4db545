// Rows of personal data, written past the handlers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/service.hpp"

// Whom Service::with_token() speaks for, and somebody else.
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
};

// Each adds the user's row where there is none, and returns the new row's id.
std::int64_t add_task(Service& service, const TaskRow& row = {});
std::int64_t add_conversation(Service& service, const std::string& user_id = me,
                              std::int64_t created_at = a_moment,
                              std::int64_t updated_at = a_moment);
std::int64_t add_message(Service& service, std::int64_t conversation_id, const std::string& content,
                         const std::string& user_id = me);

// Fails the test unless this request is its user's alone: another user's token is 403, an invalid
// one and none are 401.
void expect_owner_only(Service& service, Sent sent);

// The ids of a page of a list, which must be a 200, and its cursor.
std::vector<std::int64_t> ids_of(const Response& response);
std::string next_cursor(const Response& response);

// The number of rows that a condition holds for: "tasks WHERE id = 1".
std::int64_t count(Service& service, const std::string& what);

// The data of the newest event, in canonical JSON as the trigger wrote it, behind its type,
// audience and subject: "task.created user:u /tasks/1 {…}".
std::string last_event(Service& service);
