// A dump made by PostgreSQL's own tools can be restored, and the service continues with it.
#include <unistd.h>

#include "tests/support/stack/empty_postgres.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

// One row of every kind, and a feed whose beginning has been pruned.
constexpr const char* rows =
    "INSERT INTO users (id) VALUES ('ann'); "
    "INSERT INTO collab_tasks (id, title) SELECT gen_random_uuid(), 't' FROM generate_series(1, "
    "3); "
    "INSERT INTO tasks (user_id, title, description, completed) VALUES ('ann', 't', '', false); "
    "INSERT INTO conversations (user_id) VALUES ('ann'); "
    "INSERT INTO messages (conversation_id, user_id, role, content) "
    "SELECT id, 'ann', 'user', 'c' FROM conversations; "
    "INSERT INTO jobs (id, title, payload, max_attempts, run_at) "
    "VALUES ('00000000-0000-4000-8000-000000000001', 't', 'null', 3, now()); "
    "INSERT INTO idempotency_keys VALUES ('a', 'k', 'd', "
    "'00000000-0000-4000-8000-000000000001', now(), now()); "
    "DELETE FROM events WHERE id = (SELECT min(id) FROM events)";

constexpr const char* numbers_of_rows =
    "SELECT concat_ws(' ', (SELECT count(*) FROM users), (SELECT count(*) FROM collab_tasks), "
    "(SELECT count(*) FROM tasks), (SELECT count(*) FROM conversations), "
    "(SELECT count(*) FROM messages), (SELECT count(*) FROM jobs), "
    "(SELECT count(*) FROM idempotency_keys))";
constexpr const char* feed =
    "SELECT concat_ws(' ', (SELECT string_agg(id::text, ',' ORDER BY id) FROM events), "
    "(SELECT string_agg(id::text, ',') FROM events_pruned))";
constexpr const char* board_revision = "SELECT sum(revision) FROM board_revisions";

Variables variables_for(const std::string& url) {
    auto variables =
        service_variables(url, test_variable("TEST_DIR") + "/restore_" + std::to_string(getpid()));
    variables["DEV_USER_EMAIL"] = "";  // without a developer account
    return variables;
}

// Restores a dump. psql stops at the first error, except for data only, where it tries every
// statement.
Finished dump(const std::string& options, const std::string& from, const std::string& to) {
    const auto file = test_variable("TEST_DIR") + "/dump_" + std::to_string(getpid());
    const auto stops = options == "--data-only" ? "0" : "1";
    const auto command = "pg_dump " + options + " --file=" + file + " '" + from +
                         "' && psql -q -v ON_ERROR_STOP=" + stops + " -f " + file + " '" + to + "'";
    return run_command({"/bin/sh", "-c", command}, base_variables());
}

void expect_same_data(const EmptyPostgres& target, const TestDatabase& database) {
    for (const char* sql : {numbers_of_rows, feed})
        EXPECT_TEXT(target.execute(sql), database.execute(sql));
}

void migrate(const std::string& direction, const std::string& url) {
    std::vector<std::string> words{built("steelthread"), "migrate", direction};
    if (direction == "down") words.emplace_back("--yes");
    const auto finished = run_command(words, variables_for(url));
    cr_assert_eq(finished.status, 0, "%s", finished.errors.c_str());
}

// Expects that the service starts and that a write has its event.
void expect_service(const EmptyPostgres& target) {
    migrate("up", target.url());
    const Stack stack{target.url()};
    const auto path = stack.create_task("after");
    EXPECT_TEXT(target.execute("SELECT count(*) FROM events WHERE subject = '" + path + "'"), "1");
    cr_expect_eq(stack.send({.path = "/events"}).status, 200);
}

}  // namespace

Test(restore, a_full_dump_comes_back) {
    const TestDatabase database{Engine::postgres};
    database.execute(rows);
    const EmptyPostgres target{"full"};
    const auto finished = dump("", database.server_url(), target.url());
    cr_assert_eq(finished.status, 0, "%s", finished.errors.c_str());
    expect_same_data(target, database);
    expect_service(target);
}

Test(restore, the_data_alone_comes_back_without_triggers) {
    const TestDatabase database{Engine::postgres};
    database.execute(rows);
    const EmptyPostgres target{"data"};
    migrate("up", target.url());
    const auto before = target.execute(board_revision);
    const auto finished = dump("--data-only --disable-triggers --exclude-table=schema_migrations",
                               database.server_url(), target.url());
    cr_assert_eq(finished.status, 0, "%s", finished.errors.c_str());
    expect_same_data(target, database);
    // The new revision differs, so that no cached board is taken for this one.
    const auto after = target.execute(board_revision);
    cr_expect(after != before && after != database.execute(board_revision), "%s", after.c_str());
    expect_service(target);
}

// psql continues after errors. The feed contains the events that the triggers wrote.
Test(restore, the_data_alone_comes_back_past_triggers) {
    const TestDatabase database{Engine::postgres};
    database.execute(rows);
    const EmptyPostgres target{"triggers"};
    migrate("up", target.url());
    dump("--data-only", database.server_url(), target.url());
    EXPECT_TEXT(target.execute(numbers_of_rows), database.execute(numbers_of_rows));
    EXPECT_TEXT(target.execute("SELECT count(*) FROM events"), "7");
    expect_service(target);
}

Test(restore, triggers_find_their_tables_in_any_schema) {
    const EmptyPostgres target{"schema"};
    target.execute("CREATE SCHEMA \"of the app\"");
    migrate("up", target.url() + "?options=-csearch_path%3D%22of%5C%20the%5C%20app%22");
    target.execute(
        "SET search_path = ''; INSERT INTO \"of the app\".collab_tasks (id, title) "
        "VALUES (gen_random_uuid(), 't')");
    EXPECT_TEXT(target.execute("SELECT count(*) FROM \"of the app\".events"), "1");
}

// This also works if a function contains the schema's name as an identifier.
Test(restore, triggers_work_after_a_migration_back) {
    for (const std::string schema : {"of the app", "task", "job", "message"}) {
        const EmptyPostgres target{schema.substr(0, 2)};
        target.execute("CREATE SCHEMA \"" + schema + "\"");
        const auto escaped = schema == "of the app" ? "of%5C%20the%5C%20app" : schema;
        const auto url = target.url() + "?options=-csearch_path%3D%22" + escaped + "%22";
        const auto applied =
            "SELECT count(*) FROM \"" + schema + "\".schema_migrations WHERE name LIKE '0008%'";
        migrate("up", url);
        do migrate("down", url);
        while (target.execute(applied) != "0");
        target.execute("SET search_path = \"" + schema + "\"; " + rows);
        target.execute("DELETE FROM messages; DELETE FROM tasks; DELETE FROM collab_tasks");
        EXPECT_TEXT(
            target.execute("SELECT string_agg(DISTINCT type, ' ' ORDER BY type) FROM events"),
            "job.created message.created message.deleted task.created task.deleted");
        migrate("up", url);
    }
}

// Migrates to the version before the tested migration.
static void migrate_back(const TestDatabase& database) {
    do migrate("down", database.url());
    while (database.execute("SELECT count(*) FROM schema_migrations WHERE name LIKE '0008%'") !=
           "0");
}

// An earlier data-only restore has left a second row.
static void keep_the_greatest_mark(Engine engine) {
    const TestDatabase database{engine};
    const bool is_postgres = engine == Engine::postgres;
    migrate_back(database);
    EXPECT_TEXT(database.execute("SELECT count(*) FROM events_pruned"), "1");
    for (const char* mark : {"7", "9", "8"})
        database.execute(std::string{"INSERT INTO events_pruned VALUES ("} +
                         (is_postgres ? "'5', " : "") + mark + ")");
    migrate("up", database.url());
    EXPECT_TEXT(database.execute("SELECT id FROM events_pruned"), "9");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM events_pruned"), "1");
    const std::string event =
        "INSERT INTO events (type, audience, subject, data) VALUES ('t', 'public', '/s', '{}')";
    for (int i = 0; i < 12; ++i) database.execute(event);
    database.execute("DELETE FROM events WHERE id < 12");
    EXPECT_TEXT(database.execute("SELECT id FROM events_pruned"), "11");
    // The mark also survives the way back.
    migrate_back(database);
    EXPECT_TEXT(database.execute("SELECT id FROM events_pruned"), "11");
    database.execute("DELETE FROM events");
    EXPECT_TEXT(database.execute("SELECT id FROM events_pruned"), "12");
    migrate("up", database.url());
}

Test(restore, of_several_marks_the_greatest_is_kept_on_sqlite) {
    keep_the_greatest_mark(Engine::sqlite);
}
Test(restore, of_several_marks_the_greatest_is_kept_on_postgres) {
    keep_the_greatest_mark(Engine::postgres);
}
