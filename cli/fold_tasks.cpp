#include "cli/fold_tasks.hpp"

#include <string>
#include <tuple>
#include <vector>

#include "cli/database.hpp"
#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/models/task.hpp"
#include "sql/fold.hpp"

namespace {

struct Unfolded {
    std::int64_t id = 0;
    std::string title;
    std::string description;
    std::vector<std::string> tags;
    std::string tags_text;  // as stored, which another program need not have written canonically

    static consteval auto fields() {
        using json::field;
        return std::tuple{field("id", &Unfolded::id), field("title", &Unfolded::title),
                          field("description", &Unfolded::description),
                          field("tags", &Unfolded::tags), field("tags_text", &Unfolded::tags_text)};
    }
};

// An item of the parameter :tasks.
struct Folded {
    std::int64_t id = 0;
    std::string title;
    std::string description;
    std::string tags;
    std::string folded_title;
    std::string folded_description;
    std::string folded_tags;

    static consteval auto fields() {
        using json::field;
        return std::tuple{field("id", &Folded::id),
                          field("title", &Folded::title),
                          field("description", &Folded::description),
                          field("tags", &Folded::tags),
                          field("folded_title", &Folded::folded_title),
                          field("folded_description", &Folded::folded_description),
                          field("folded_tags", &Folded::folded_tags)};
    }
};

std::vector<Folded> fold(const std::vector<Unfolded>& tasks) {
    std::vector<Folded> all;
    all.reserve(tasks.size());
    for (const auto& task : tasks)
        all.push_back({task.id, task.title, task.description, task.tags_text,
                       folded_title(task.title), folded(task.description), folded_tags(task.tags)});
    return all;
}

Async<> fold_all(Database& database, bool are_served, std::int64_t& count) {
    constexpr std::int64_t batch_rows = 1000;
    for (std::int64_t last_id = 0;;) {
        const auto before = Clock::now();
        db::Batch read;
        const auto found = read.add<Unfolded>(sql::tasks_to_fold, db::named("after_id", last_id),
                                              db::named("limit", batch_rows));
        const auto results = co_await database.run(std::move(read));
        const auto tasks = results.all(found);
        if (tasks.empty()) co_return;
        db::Batch write;
        write.add(are_served ? sql::fold_served_tasks : sql::fold_tasks, json::write(fold(tasks)));
        co_await database.run(std::move(write));
        count += std::ssize(tasks);
        last_id = tasks.back().id;
        co_await sleep_for(Clock::now() - before);
    }
}

}  // namespace

std::int64_t count_tasks_to_fold(BlockingConnection& connection) {
    return std::stoll(connection.query(sql::count_tasks_to_fold.postgres).at(0).at(0));
}

std::int64_t fold_tasks(const Config& config, bool are_served) {
    std::int64_t count = 0;
    with_database(config,
                  [&](Database& database) { return fold_all(database, are_served, count); });
    return count;
}
