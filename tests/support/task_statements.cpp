#include "tests/support/task_statements.hpp"

#include "shared/models/task.hpp"

db::Statement inserted_task(const std::string& user_id, const std::string& title,
                            std::int64_t max_tasks) {
    NewTask task;
    task.title = title;
    return db::statement(sql::insert_task, db::named("user_id", user_id), db::fields_of(task),
                         db::fields_of(folded_texts(task)), db::named("max_tasks", max_tasks));
}

db::Statement changed_title(const std::string& user_id, std::int64_t id, const std::string& title,
                            const std::optional<std::string>& etags) {
    TaskChange change;
    change.title = title;
    return db::statement(sql::update_task, db::named("user_id", user_id), db::named("id", id),
                         db::fields_of(change), db::fields_of(folded_texts(change)),
                         db::named("etags", etags), db::named("among_etags", true));
}

db::Statement tasks_by_title(const std::string& user_id, std::int64_t limit, std::int64_t after_id,
                             const Query& query) {
    return db::statement(query, db::named("known", ""), db::named("user_id", user_id),
                         db::named("is_filtered", false), db::named("completed", false),
                         db::named("or_completed", true), db::named("priorities", std::int64_t{31}),
                         db::named("due_after", db::Null<Timestamp>{}),
                         db::named("due_before", db::Null<Timestamp>{}), db::named("after_key", ""),
                         db::named("after_title", ""), db::named("after_id", after_id),
                         db::named("limit", limit), db::named("offset", std::int64_t{0}));
}
