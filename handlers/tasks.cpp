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
    {"due_date", "asc", sql::list_tasks_by_due_date_asc},
    {"due_date", "desc", sql::list_tasks_by_due_date_desc},
    {"priority", "asc", sql::list_tasks_by_priority_asc},
    {"priority", "desc", sql::list_tasks_by_priority_desc},
};

const Query& list_query(const TaskQuery& query) {
    return std::find_if(
               std::begin(orders), std::end(orders),
               [&](const auto& row) { return row.sort == query.sort && row.order == query.order; })
        ->query;
}

const Query& search_query(const TaskQuery& query) {
    return query.order == "asc" ? sql::search_tasks_asc : sql::search_tasks_desc;
}

// The position of a task in a list. Without a due date, the key of that order is empty.
Position position_of(const Task& task, std::string_view sort) {
    if (sort == "title") return {task.title, task.id};
    if (sort == "priority")
        return {std::to_string(static_cast<std::int64_t>(task.priority)), task.id};
    if (sort == "due_date") return {task.due_date ? cursor_key(*task.due_date) : "", task.id};
    return {cursor_key(sort == "created_at" ? task.created_at : task.updated_at), task.id};
}

// The last Unicode character repeated more often than a title allows: behind every title.
std::string last_title() {
    std::string title;
    for (std::size_t i = 0; i <= max_title_length; ++i) title += "\U0010FFFF";
    return title;
}

// The position before the first task of a list.
Position start_of(const TaskQuery& query) {
    const bool is_ascending = query.order == "asc";
    auto start = before_all_moments(is_ascending);
    if (query.sort == "title") start.key = is_ascending ? "" : last_title();
    if (query.sort == "priority")
        start.key = is_ascending ? "-1" : std::to_string(priority_names.size());
    return start;
}

// The parameters of the part of a list with due dates, and of the part without. From a position in
// the second part on there is nothing left of the first one.
void give_due_position(db::PartialStatement& select, const TaskQuery& query,
                       const Position& position) {
    const bool is_ascending = query.order == "asc";
    const auto end = before_all_moments(!is_ascending);
    const bool is_dated = !position.key.empty();
    const bool lists_undated = !query.due_before && !query.due_after;
    const auto& dated = is_dated ? position : end;
    const auto& undated = is_dated ? before_all_moments(is_ascending) : position;
    const auto after = moment_of_key(dated.key);
    auto earliest = query.due_after.value_or(Timestamp::first());
    auto latest = query.due_before.value_or(Timestamp::last());
    // SQLite takes only one lower and one upper bound to the index.
    if (is_ascending)
        earliest = std::max(earliest, after);
    else
        latest = std::min(latest, after);
    select.give(db::named("earliest", earliest), db::named("latest", latest),
                db::named("after_key", after), db::named("after_id", dated.id),
                db::named("after_undated_id", lists_undated ? undated.id : end.id));
}

void give_position(db::PartialStatement& select, const TaskQuery& query, const Position& position) {
    if (query.sort == "due_date") return give_due_position(select, query, position);
    select.give(db::named("after_id", position.id));
    if (query.sort == "title")
        select.give(db::named("after_key", folded_title(position.key)),
                    db::named("after_title", position.key));
    else if (query.sort == "priority")
        select.give(db::named("after_key", number_of_key(position.key)));
    else
        select.give(db::named("after_key", moment_of_key(position.key)));
}

// What stands for the due date of a task without one, so that it comes last.
Timestamp date_of_undated(bool is_ascending) {
    return {is_ascending ? Timestamp::last().microseconds + 1
                         : Timestamp::first().microseconds - 1};
}

// The same for a search, which has one parameter for each kind of key.
void give_search_position(db::PartialStatement& select, const TaskQuery& query,
                          const Position& position) {
    const bool by_title = query.sort == "title";
    const bool by_priority = query.sort == "priority";
    const auto no_date = date_of_undated(query.order == "asc");
    Timestamp moment;
    if (!by_title && !by_priority)
        moment = position.key.empty() ? no_date : moment_of_key(position.key);
    const auto title = by_title ? position.key : "";
    const std::int64_t priority = by_priority ? number_of_key(position.key) : 0;
    select.give(db::named("sort", query.sort), db::named("undated", no_date),
                db::named("after_moment", moment), db::named("after_priority", priority),
                db::named("after_folded_title", folded_title(title)),
                db::named("after_title", title), db::named("after_id", position.id));
}

// A bit for each priority that is listed.
std::int64_t priority_bits(const TaskQuery& query) {
    if (!query.priority) return (1 << priority_names.size()) - 1;
    std::int64_t bits = 0;
    for (const auto priority : query.priority->values) bits |= 1 << static_cast<int>(priority);
    return bits;
}

// Whether the query leaves out tasks by other means than a search.
bool is_filtered(const TaskQuery& query) {
    return query.status != "all" || query.due_before || query.due_after || query.priority;
}

// Identifies the list to its cursors.
std::string name_of_list(const TaskQuery& query, const std::optional<std::string>& parts,
                         const std::string& user_id) {
    const auto moment = [](const auto& value) { return value ? value->text() : ""; };
    auto name = "tasks " + query.status;
    // The order of titles, and with it the meaning of their cursors, has changed.
    name.append(query.sort == "title" ? " folded_" : " ").append(query.sort);
    name.append(" ").append(query.order);
    if (query.due_before || query.due_after || query.priority || parts)
        name.append(" ")
            .append(moment(query.due_before))
            .append(" ")
            .append(moment(query.due_after))
            .append(" ")
            .append(std::to_string(priority_bits(query)))
            .append(" ")
            .append(parts.value_or(""));
    return name + " of " + user_id;
}

Async<Response> list(const Request& request, Context& context) {
    const auto query = request.query<TaskQuery>();
    check_paging(query.cursor, query.offset);
    const auto parts = search_parts(query);
    const auto name = name_of_list(query, parts, request.user_id());
    const auto start = query.cursor ? read_cursor(name, *query.cursor) : start_of(query);
    const bool with_pending = query.status != "completed";
    const bool with_completed = query.status != "pending";

    auto select = db::partial(
        parts ? search_query(query) : list_query(query), db::named("user_id", request.user_id()),
        db::named("is_filtered", is_filtered(query)), db::named("completed", !with_pending),
        db::named("or_completed", with_completed), db::named("due_after", query.due_after),
        db::named("due_before", query.due_before), db::named("priorities", priority_bits(query)),
        db::named("limit", query.limit + 1), db::named("offset", query.offset));
    if (parts) {
        select.give(db::named("parts", *parts));
        give_search_position(select, query, start);
    } else {
        give_position(select, query, start);
    }
    auto response = co_await answer_list<Task>(
        request, context, std::move(select), [&](const auto& tasks, std::int64_t total) {
            return page(tasks, query.limit, query.offset, total, name,
                        [&](const Task& task) { return position_of(task, query.sort); });
        });
    co_return response;
}

Async<Response> create(const Request& request, Context& context) {
    const auto input = request.body<NewTask>();
    const RequestKey key{request, "tasks"};
    db::Batch batch;
    const auto inserted =
        batch.add<Task>(sql::insert_task, db::named("user_id", request.user_id()),
                        db::fields_of(input), db::fields_of(folded_texts(input)),
                        db::named("max_tasks", context.config.max_tasks_per_user));
    const auto done = co_await key.run(context.db, std::move(batch), inserted, "task.created");
    if (const auto& first = done.first)
        co_return Response::created(context.own_path(request) + first->subject, first->answer);
    const auto task = done.results.first(inserted);
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
                        .takes_idempotency_key = true,
                        .errors = {Error::quota_exceeded}}},
    };
}
