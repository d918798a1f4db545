// /api/v1/{user_id}/tasks/{id}/complete: marks one of the caller's own tasks as completed or
// pending.
// PATCH → 200 task | 401 | 403 | 404 | 412 | 413 | 415 | 422
#include "shared/handler.hpp"
#include "shared/models/task.hpp"
#include "shared/tasks/own_task.hpp"
#include "sql/tasks.hpp"

namespace {

Async<Response> patch(const Request& request, Context& context) {
    const auto input = request.body<Completion>();
    TaskChange change;
    change.completed = input.completed;
    auto write = input.completed ? db::partial(sql::update_task, db::fields_of(change),
                                               db::fields_of(folded_texts(change)))
                                 : db::partial(sql::toggle_task);
    const auto task = co_await write_own_task<Task>(request, context, std::move(write));
    co_return Response::ok(task);
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/api/v1/{user_id}/tasks/{id}/complete",
        .also_at = {"/api/{user_id}/tasks/{id}/complete", "/api/tasks/{id}/complete"},
        .shape = Shape::enveloped,
        .operations = {{.method = Method::patch,
                        .handler = patch,
                        .auth = Auth::owner,
                        .name = "completeTask",
                        .summary =
                            "Mark a task as completed or pending; toggle it if there is no body",
                        .description =
                            "`completed` sets the state. Without a body, or without this "
                            "member, a pending task becomes completed and a completed one "
                            "pending.",
                        .request_schema = schema_of<Completion>,
                        .is_body_optional = true,
                        .answer = ok<Task>().with_etag(),
                        .message = "Task updated",
                        .errors = {Error::not_found}}},
    };
}
