// /api/v1/{user_id}/tasks/{id}: one of the caller's own tasks.
// GET    → 200 task | 304 | 401 | 403 | 404 | 412 | 422
// PUT    → 200 task | 401 | 403 | 404 | 412 | 413 | 415 | 422
// PATCH  → 200 task | 401 | 403 | 404 | 412 | 413 | 415 | 422
// DELETE → 204 | 401 | 403 | 404 | 412 | 422
// The last write wins, unless If-Match or If-None-Match names the version to change.
#include "shared/handler.hpp"
#include "shared/models/task.hpp"
#include "shared/tasks/own_task.hpp"
#include "sql/tasks.hpp"

namespace {

Async<Response> get(const Request& request, Context& context) {
    const auto id = request.id("id");
    db::Batch batch;
    const auto found = batch.add<Task>(sql::find_task, db::named("user_id", request.user_id()),
                                       db::named("id", id));
    std::optional<db::Slot<Existence>> of_others;
    if (auto question = question_of_owner(request, id))
        of_others = batch.add<Existence>(*std::move(question));
    const auto results = co_await context.db.run(std::move(batch));
    const auto task = results.first(found);
    if (!task && of_others && results.one(*of_others).exists) throw ApiError{Error::forbidden};
    if (!task) throw ApiError{Error::not_found};
    co_return Response::ok(*task);
}

// The change is a TaskReplacement or a TaskChange.
template <class Change>
Async<Response> write(const Request& request, Context& context, Change change) {
    const auto task = co_await write_own_task<Task>(
        request, context,
        db::partial(sql::update_task, db::fields_of(change), db::fields_of(folded_texts(change))));
    co_return Response::ok(task);
}

Async<Response> put(const Request& request, Context& context) {
    return write(request, context, request.body<TaskReplacement>());
}

Async<Response> patch(const Request& request, Context& context) {
    auto change = request.body<TaskChange>();
    if (json::is_empty(change))
        throw invalid({"body"}, "Value error, name at least one member to change");
    return write(request, context, std::move(change));
}

Async<Response> remove(const Request& request, Context& context) {
    co_await write_own_task(request, context, db::partial(sql::delete_task));
    co_return Response::no_content();
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/api/v1/{user_id}/tasks/{id}",
        .also_at = {"/api/{user_id}/tasks/{id}", "/api/tasks/{id}"},
        .shape = Shape::enveloped,
        .operations = {{.method = Method::get,
                        .handler = get,
                        .auth = Auth::owner,
                        .name = "getTask",
                        .summary = "Get a task",
                        .description = "Returns one of the user's tasks. Those of other users are "
                                       "404, and 403 at a path without `{user_id}`.",
                        .answer = ok<Task>().with_etag(),
                        .errors = {Error::not_found}},
                       {.method = Method::put,
                        .handler = put,
                        .auth = Auth::owner,
                        .name = "replaceTask",
                        .summary = "Replace a task",
                        .description =
                            "Needs `title`, `description` and `completed`. `If-Match` is "
                            "optional; if it is sent, a task that has changed is 412. "
                            "Without it the last write wins.",
                        .request_schema = schema_of<TaskReplacement>,
                        .answer = ok<Task>().with_etag(),
                        .message = "Task updated",
                        .errors = {Error::not_found}},
                       {.method = Method::patch,
                        .handler = patch,
                        .auth = Auth::owner,
                        .name = "updateTask",
                        .summary = "Change a task",
                        .description = "Changes the members that the body names. `If-Match` is "
                                       "optional; if it is sent, a task that has changed is 412. "
                                       "Without it the last write wins.",
                        .request_schema = schema_of<TaskChange>,
                        .answer = ok<Task>().with_etag(),
                        .message = "Task updated",
                        .errors = {Error::not_found}},
                       {.method = Method::delete_,
                        .handler = remove,
                        .auth = Auth::owner,
                        .name = "deleteTask",
                        .summary = "Delete a task",
                        .description = "`If-Match` is optional; if it is sent, a task that has "
                                       "changed is 412 and stays.",
                        .answer = no_content(),
                        .errors = {Error::not_found}}},
    };
}
