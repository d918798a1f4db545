// A user's own task. The task of another user is 404 at a path that names the user, and 403 at
// /api/tasks/{id}, which names only the task.
#pragma once

#include <optional>
#include <utility>

#include "shared/context.hpp"
#include "shared/http/conditional_write.hpp"
#include "shared/http/request.hpp"
#include "sql/tasks.hpp"

// Asks whether the task `id` is another user's, if the path makes that a difference.
inline std::optional<db::Statement> question_of_owner(const Request& request, std::int64_t id) {
    if (request.names_user()) return std::nullopt;
    return db::statement(sql::task_of_others_exists, db::named("user_id", request.user_id()),
                         db::named("id", id));
}

// Runs a write of the task of the path, which lacks only its id, user and condition. Throws
// ApiError as conditional_write() does, and forbidden.
template <class T = void>
Async<T> write_own_task(const Request& request, Context& context, db::PartialStatement write) {
    const auto id = request.id("id");
    write.give(db::named("user_id", request.user_id()), db::named("id", id));
    return conditional_write<T>(
        context.db, request.condition(), std::move(write),
        db::statement(sql::task_exists, db::named("user_id", request.user_id()),
                      db::named("id", id)),
        question_of_owner(request, id));
}
