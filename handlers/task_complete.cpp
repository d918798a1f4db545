// /api/v1/{user_id}/tasks/{id}/complete: ticks one of the caller's own tasks off, or on again.
// PATCH → 200 task | 401 | 403 | 404 | 412 | 413 | 415 | 422
#include "shared/endpoint.hpp"
#include "shared/models/existence.hpp"
#include "shared/models/task.hpp"
#include "sql/tasks.hpp"

namespace task_complete {

Async<Response> patch(const Request& request, Context& context) {
    const auto id = request.id("id");
    const auto input = request.body<Completion>();
    const auto tags = expected_tags(request.if_match_or_any());
    const std::optional<std::string> as_it_is;
    db::Batch batch;
    if (input.completed)
        batch.add(sql::update_task, request.user_id(), id, as_it_is, as_it_is, input.completed,
                  tags);
    else
        batch.add(sql::toggle_task, request.user_id(), id, tags);
    if (tags) batch.add(sql::task_exists, request.user_id(), id);
    const auto results = co_await context.db.run(std::move(batch));
    const auto task = db::first<Task>(*results[0]);
    if (!task)
        refuse_write(request.if_match_or_any(),
                     tags && db::first<Existence>(*results.back())->exists);
    co_return Response::ok(*task);
}

Endpoint endpoint() {
    return {
        .path = "/api/v1/{user_id}/tasks/{id}/complete",
        .also_at = {"/api/{user_id}/tasks/{id}/complete", "/api/tasks/{id}/complete"},
        .family = Family::api,
        .operations = {{.method = Method::patch,
                        .handler = patch,
                        .auth = Auth::owner,
                        .summary = "Set whether a task is completed, or toggle it without a body",
                        .request_schema = schema_of<Completion>,
                        .is_body_optional = true,
                        .answer = {200, schema_of<Task>, true},
                        .message = "Task updated",
                        .takes_if_match = true,
                        .errors = {Error::not_found}}},
    };
}

}  // namespace task_complete
