#include "tests/support/service.hpp"

namespace {

const std::string path = "/collab/state/tasks";

// Adds tasks 1..count behind the handler's back, as another process would.
void add_tasks(Service& service, int first, int last) {
    const bool is_sqlite = service.config().sqlite_path().has_value();
    for (int i = first; i <= last; ++i) {
        const auto number = std::to_string(i);
        const auto moment =
            is_sqlite ? "176787569612345" + number : "'2026-01-08T12:34:5" + number + ".123456Z'";
        // Ids in the opposite order: creation decides.
        service.database().execute(
            "INSERT INTO collab_tasks (id, title, created_at, updated_at) VALUES "
            "('0000000" +
            std::to_string(9 - i) + "-0000-4000-8000-000000000000', 'task " + number + "', " +
            moment + ", " + moment + ")");
    }
}

std::vector<std::string> titles(const Response& response) {
    std::vector<std::string> list;
    const auto body = json_of(response);
    for (const auto& item : body["items"].GetArray()) list.push_back(member(item, "title"));
    return list;
}

}  // namespace

ON_BOTH_ENGINES(collab_state_tasks, is_empty_at_first) {
    const auto response = service.send({.target = path});
    cr_assert_eq(response.status(), 200, "%s", std::string{response.body()}.c_str());
    EXPECT_TEXT(std::string{response.body()}, R"({"items":[],"kind":"tasks"})");
    EXPECT_TEXT(std::string{response.etag()}, entity_tag(response.body()));
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-cache");
}

ON_BOTH_ENGINES(collab_state_tasks, lists_tasks_in_the_order_of_creation) {
    add_tasks(service, 1, 3);
    const auto list = titles(service.send({.target = path}));
    cr_assert_eq(list.size(), 3);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TEXT(list[i], ("task " + std::to_string(i + 1)));
}

ON_BOTH_ENGINES(collab_state_tasks, is_not_modified_until_somebody_changes_it) {
    add_tasks(service, 1, 2);
    const std::string etag{service.send({.target = path}).etag()};
    auto response = service.send({.target = path, .if_none_match = etag});
    cr_assert_eq(response.status(), 304);
    cr_assert(response.body().empty());
    EXPECT_TEXT(std::string{response.etag()}, etag);

    const char* changes[] = {"UPDATE collab_tasks SET title = 'changed' WHERE title = 'task 1'",
                             "DELETE FROM collab_tasks WHERE title = 'changed'"};
    for (const char* change : changes) {
        service.database().execute(change);
        response = service.send({.target = path, .if_none_match = etag});
        cr_assert_eq(response.status(), 200);
        cr_assert(response.etag() != etag);
    }
    cr_assert_eq(titles(response).size(), 1);
    add_tasks(service, 3, 3);
    cr_assert_eq(titles(service.send({.target = path})).size(), 2);
}

ON_BOTH_ENGINES(collab_state_tasks, gives_the_same_body_from_memory) {
    add_tasks(service, 1, 2);
    const auto read = service.send({.target = path});
    const auto kept = service.send({.target = path});
    EXPECT_TEXT(std::string{kept.body()}, std::string{read.body()});
    const auto head = service.send({.method = "HEAD", .target = path});
    cr_assert(head.body().empty());
    cr_assert_eq(head.content_length(), read.body().size());
}

// What is kept must stand for what the database holds: without the trigger nobody would notice.
ON_BOTH_ENGINES(collab_state_tasks, does_not_read_the_tasks_while_the_revision_stands) {
    add_tasks(service, 1, 1);
    const auto before = service.send({.target = path});
    service.database().execute(service.config().sqlite_path()
                                   ? "DROP TRIGGER collab_task_updated"
                                   : "DROP TRIGGER collab_task_changed ON collab_tasks");
    service.database().execute("UPDATE collab_tasks SET title = 'unnoticed'");
    const auto after = service.send({.target = path});
    EXPECT_TEXT(std::string{after.body()}, std::string{before.body()});
}
