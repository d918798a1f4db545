// /api/v1/{user_id}/tasks: the caller's own tasks.
// GET  → 200 page | 304 | 401 | 403 | 412 | 422
// POST → 201 task | 401 | 403 | 413 | 415 | 422
#include "shared/handler.hpp"
#include "shared/models/task.hpp"
#include "sql/tasks.hpp"

namespace {

// A sort order and its query.
struct Order {
    std::string_view sort;
    std::string_view order;
    const Query& query;
};
constexpr Order orders[] = {
    {"created_at", "asc", sql::list_tasks_by_created_at_asc},
    {"created_at", "desc", sql::list_tasks_by_created_at_desc},
    {"updated_at", "asc", sql::list_tasks_by_updated_at_asc},
    {"updated_at", "desc", sql::list_tasks_by_updated_at_desc},
    {"title", "asc", sql::list_tasks_by_title_asc},
    {"title", "desc", sql::list_tasks_by_title_desc},
};

const Query& list_query(const TaskQuery& query) {
    return std::find_if(
               std::begin(orders), std::end(orders),
               [&](const auto& row) { return row.sort == query.sort && row.order == query.order; })
        ->query;
}

Position position_of(const Task& task, std::string_view sort) {
    if (sort == "title") return {task.title, task.id};
    return {cursor_key(sort == "created_at" ? task.created_at : task.updated_at), task.id};
}

// The position before the first task. By title that is the empty title, or, backwards, the last
// Unicode character repeated more often than a title allows.
Position start_of(const TaskQuery& query) {
    const bool is_ascending = query.order == "asc";
    if (query.sort != "title") return before_all_moments(is_ascending);
    Position start;
    if (is_ascending) return start;
    for (std::size_t i = 0; i <= max_title_length; ++i) start.key += "\U0010FFFF";
    return start;
}

db::Value key_value(const TaskQuery& query, const Position& position) {
    if (query.sort == "title") return position.key;
    return moment_of_key(position.key);
}

Async<Response> list(const Request& request, Context& context) {
    const auto query = request.query<TaskQuery>();
    check_paging(query.cursor, query.offset);
    const auto name =
        "tasks " + query.status + " " + query.sort + " " + query.order + " of " + request.user_id();
    const auto start = query.cursor ? read_cursor(name, *query.cursor) : start_of(query);
    const bool with_pending = query.status != "completed";
    const bool with_completed = query.status != "pending";

    auto select = db::partial(
        list_query(query), db::named("user_id", request.user_id()),
        db::named("completed", !with_pending), db::named("or_completed", with_completed),
        db::named("after_key", key_value(query, start)), db::named("after_id", start.id),
        db::named("limit", query.limit + 1), db::named("offset", query.offset));
    auto response = co_await answer_list<Task>(
        request, context, std::move(select), [&](const auto& tasks, std::int64_t total) {
            return page(tasks, query.limit, query.offset, total, name,
                        [&](const Task& task) { return position_of(task, query.sort); });
        });
    co_return response;
}

Async<Response> create(const Request& request, Context& context) {
    const auto input = request.body<NewTask>();
    const auto task = co_await context.db.maybe<Task>(
        sql::insert_task, db::named("user_id", request.user_id()), db::fields_of(input),
        db::named("max_tasks", context.config.max_tasks_per_user));
    if (!task) throw ApiError{Error::quota_exceeded};
    co_return Response::created(context.own_path(request) + "/tasks/" + std::to_string(task->id),
                                *task);
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/api/v1/{user_id}/tasks",
        .also_at = {"/api/{user_id}/tasks", "/api/tasks"},
        .shape = Shape::enveloped,
        .operations = {{.method = Method::get,
                        .handler = list,
                        .auth = Auth::owner,
                        .name = "listTasks",
                        .summary = "List the user's tasks",
                        .description = "Returns a page of the user's tasks, the newest first by "
                                       "default. `next_cursor` leads to the next page.",
                        .query_schema = schema_of<TaskQuery>,
                        .answer = page_of<Task>()},
                       {.method = Method::post,
                        .handler = create,
                        .auth = Auth::owner,
                        .name = "createTask",
                        .summary = "Add a task",
                        .description = "Adds a task for the user. `Location` is its path.",
                        .request_schema = schema_of<NewTask>,
                        .answer = created<Task>().with_etag().with_location(),
                        .message = "Task created",
                        .errors = {Error::quota_exceeded}}},
    };
}
