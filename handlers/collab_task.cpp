// /collab/tasks/{id}: one task of the shared board.
// GET    → 200 task | 304 | 404 | 422
// PATCH  → 200 task | 401 | 404 | 412 | 413 | 415 | 422 | 428
// DELETE → 204 | 401 | 404 | 412 | 422 | 428
#include "shared/endpoint.hpp"
#include "shared/models/collab_task.hpp"
#include "sql/collab_tasks.hpp"

namespace collab_task {

// What collab_task_exists returns.
struct Existence {
    bool exists = false;
    static consteval auto fields() { return std::tuple{json::field("exists", &Existence::exists)}; }
};

Async<Response> get(const Request& request, Context& context) {
    const auto task =
        co_await context.db.maybe<CollabTask>(sql::find_collab_task, request.uuid("id"));
    if (!task) throw ApiError{Error::not_found};
    co_return Response::ok(*task);
}

Async<Response> patch(const Request& request, Context& context) {
    const auto id = request.uuid("id");
    const auto change = request.body<CollabTaskChange>();
    if (!change.title && !change.description)
        throw ApiError{
            Error::validation_error,
            {{{"body"}, "Value error, name at least one member to change", "value_error"}}};

    db::Batch batch;
    batch.add(sql::update_collab_task, id, static_cast<std::optional<std::string>>(change.title),
              change.description.has_value(), change.description.value_or(std::nullopt),
              expected_tags(request.if_match()));
    batch.add(sql::collab_task_exists, id);
    const auto results = co_await context.db.run(std::move(batch));
    const auto task = db::first<CollabTask>(*results[0]);
    if (!task) refuse_write(request.if_match(), db::first<Existence>(*results[1])->exists);
    co_return Response::ok(*task);
}

Async<Response> remove(const Request& request, Context& context) {
    const auto id = request.uuid("id");
    // Existence is asked for first: afterwards a deleted task is gone.
    db::Batch batch;
    batch.add(sql::collab_task_exists, id);
    batch.add(sql::delete_collab_task, id, expected_tags(request.if_match()));
    const auto results = co_await context.db.run(std::move(batch));
    if (results[1]->empty())
        refuse_write(request.if_match(), db::first<Existence>(*results[0])->exists);
    co_return Response::no_content();
}

Endpoint endpoint() {
    return {
        .path = "/collab/tasks/{id}",
        .id_schema = schema_of<Uuid>,
        .family = Family::orchestrator,
        .operations = {{.method = Method::get,
                        .handler = get,
                        .summary = "One task of the board",
                        .answer = {200, schema_of<CollabTask>, true},
                        .errors = {Error::not_found, Error::validation_error}},
                       {.method = Method::patch,
                        .handler = patch,
                        .auth = Auth::user,
                        .summary = "Change a task; If-Match names the ETag that is being changed",
                        .request_schema = schema_of<CollabTaskChange>,
                        .answer = {200, schema_of<CollabTask>, true},
                        .needs_if_match = true,
                        .errors = {Error::not_found}},
                       {.method = Method::delete_,
                        .handler = remove,
                        .auth = Auth::user,
                        .summary = "Delete a task; If-Match names the ETag that is being deleted",
                        .answer = {204, nullptr},
                        .needs_if_match = true,
                        .errors = {Error::not_found, Error::validation_error}}},
    };
}

}  // namespace collab_task
