// /collab/tasks: adds tasks to the shared board.
// POST → 200 task | 401 | 403 | 413 | 415 | 422
#include "shared/handler.hpp"
#include "shared/models/collab_task.hpp"
#include "sql/collab_tasks.hpp"

namespace {

Async<Response> create(const Request& request, Context& context) {
    const auto input = request.body<NewCollabTask>();
    const RequestKey key{request, "board tasks"};
    db::Batch batch;
    const auto inserted = batch.add<CollabTask>(
        sql::insert_collab_task, db::named("id", Uuid::random()), db::fields_of(input),
        db::named("max_tasks", context.config.max_board_tasks));
    const auto done = co_await key.run(context.db, std::move(batch), inserted, "task.created");
    if (const auto& first = done.first)
        co_return Response::ok(first->answer).with("Location", first->subject);
    const auto task = done.results.first(inserted);
    if (!task) throw ApiError{Error::quota_exceeded};
    co_return Response::ok(*task).with("Location", "/collab/tasks/" + task->id.text());
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/collab/tasks",
        .operations = {{.method = Method::post,
                        .handler = create,
                        .auth = Auth::user,
                        .name = "createBoardTask",
                        .summary = "Add a task to the board",
                        .description =
                            "Adds a task that everyone can read and every user can change. "
                            "`Location` is its path, `ETag` what its first change needs as "
                            "`If-Match`.",
                        .request_schema = schema_of<NewCollabTask>,
                        .answer = ok<CollabTask>().with_etag().with_location(),
                        .takes_idempotency_key = true,
                        .errors = {Error::quota_exceeded}}},
    };
}
