// /collab/tasks/{id}: one task of the shared board.
// GET    → 200 task | 304 | 401 with BOARD_PUBLIC=off | 404 | 412 | 422
// PATCH  → 200 task | 401 | 404 | 412 | 413 | 415 | 422 | 428
// DELETE → 204 | 401 | 404 | 412 | 422 | 428
#include "shared/handler.hpp"
#include "shared/models/collab_task.hpp"
#include "sql/collab_tasks.hpp"

namespace {

Async<Response> get(const Request& request, Context& context) {
    const auto task =
        co_await context.db.maybe<CollabTask>(sql::find_collab_task, request.uuid("id"));
    if (!task) throw ApiError{Error::not_found};
    co_return Response::ok(*task);
}

Async<Response> patch(const Request& request, Context& context) {
    const auto id = request.uuid("id");
    const auto change = request.body<CollabTaskChange>();
    if (json::is_empty(change))
        throw invalid({"body"}, "Value error, name at least one member to change");

    const auto task = co_await conditional_write<CollabTask>(
        context.db, request.condition(),
        db::partial(sql::update_collab_task, db::named("id", id), db::fields_of(change)),
        db::statement(sql::collab_task_exists, id));
    co_return Response::ok(task);
}

Async<Response> remove(const Request& request, Context& context) {
    const auto id = request.uuid("id");
    co_await conditional_write(context.db, request.condition(),
                               db::partial(sql::delete_collab_task, db::named("id", id)),
                               db::statement(sql::collab_task_exists, id));
    co_return Response::no_content();
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/collab/tasks/{id}",
        .id_schema = schema_of<Uuid>,
        .operations = {{.method = Method::get,
                        .handler = get,
                        .auth = Auth::board,
                        .name = "getBoardTask",
                        .summary = "Get a task of the board",
                        .description =
                            "Anyone may read the board. The `ETag` of the answer is what "
                            "`If-Match` of a change needs.",
                        .answer = ok<CollabTask>().with_etag(),
                        .errors = {Error::not_found, Error::validation_error}},
                       {.method = Method::patch,
                        .handler = patch,
                        .auth = Auth::user,
                        .name = "updateBoardTask",
                        .summary = "Change a task of the board",
                        .description = "Changes the members that the body names. Refused with 428 "
                                       "without `If-Match`, and with 412 if the task has changed "
                                       "since: fetch it again and repeat the change.",
                        .request_schema = schema_of<CollabTaskChange>,
                        .answer = ok<CollabTask>().with_etag(),
                        .if_match = IfMatch::required,
                        .errors = {Error::not_found}},
                       {.method = Method::delete_,
                        .handler = remove,
                        .auth = Auth::user,
                        .name = "deleteBoardTask",
                        .summary = "Delete a task of the board",
                        .description =
                            "Refused with 428 without `If-Match`, and with 412 if the task "
                            "has changed since.",
                        .answer = no_content(),
                        .if_match = IfMatch::required,
                        .errors = {Error::not_found, Error::validation_error}}},
    };
}
