// The revision that names unchanged lists (sql/fragments.sql): each change of a list gives it
// another name, however it was made.
#include <libpq-fe.h>

#include <cstring>

#include "sql/messages.hpp"
#include "sql/prune.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/task_statements.hpp"

namespace {

// The first row of a list.
struct State {
    std::string revision;
    bool is_settled = false;
};

class Lists {
public:
    explicit Lists(Engine engine) : engine_(engine), own_(engine), open_(own_.url()) {
        for (const char* user : {"ann", "bob"}) own_.add_user(user);
        execute(
            "INSERT INTO tasks (id, user_id, title, description, completed, created_at, "
            "updated_at) OVERRIDING SYSTEM VALUE VALUES (1, 'ann', 't', '', false, now(), now()), "
            "(2, 'bob', 't', '', false, now(), now())");
        execute(
            "INSERT INTO conversations (id, user_id, created_at, updated_at) OVERRIDING SYSTEM "
            "VALUE VALUES (1, 'ann', now(), now()), (2, 'bob', now(), now()), (3, 'ann', now(), "
            "now())");
        execute(
            "INSERT INTO messages (id, conversation_id, user_id, role, content, created_at) "
            "OVERRIDING SYSTEM VALUE VALUES (1, 1, 'ann', 'user', 'c', now()), (2, 1, 'ann', "
            "'user', 'd', now())");
    }

    bool is_sqlite() const { return engine_ == Engine::sqlite; }

    // Runs SQL of PostgreSQL's dialect on either engine.
    std::string execute(std::string sql) {
        if (is_sqlite())
            for (const auto& [text, own] :
                 {std::pair{"OVERRIDING SYSTEM VALUE ", ""}, std::pair{"now()", "1"}})
                for (std::size_t at; (at = sql.find(text)) != sql.npos;)
                    sql.replace(at, std::strlen(text), own);
        return own_.execute(sql);
    }

    State tasks_of(const std::string& user = "ann") { return state_of(tasks_by_title(user, 10)); }
    State messages_of_ann() {
        return state_of(db::statement(
            sql::list_messages, db::named("known", ""), db::named("user_id", "ann"),
            db::named("conversation_id", std::int64_t{1}), db::named("after_id", std::int64_t{0}),
            db::named("limit", std::int64_t{10}), db::named("offset", std::int64_t{0})));
    }

    // The change must rename the lists of these users.
    void expect_renamed(const std::string& change, std::initializer_list<const char*> users) {
        std::vector<std::string> before;
        for (const char* user : users) before.push_back(tasks_of(user).revision);
        if (!change.empty()) execute(change);
        auto was = before.begin();
        for (const char* user : users)
            cr_expect_neq(tasks_of(user).revision, *was++, "%s: the lists of %s keep their name",
                          change.c_str(), user);
    }

    void prune(std::int64_t limit) {
        own_.wait_for_feed();
        db::Batch batch;
        batch.add(
            sql::prune_events, db::named("after_id", std::int64_t{0}), db::named("limit", limit),
            db::named("created_before", Timestamp{Timestamp::now().microseconds + 60'000'000}));
        open_.wait(open_.db().run(std::move(batch)));
    }

    OpenDatabase& open() { return open_; }
    const TestDatabase& database() const { return own_; }

private:
    State state_of(db::Statement statement) {
        db::Batch batch;
        const auto listed = batch.add(std::move(statement));
        const auto results = open_.wait(open_.db().run(std::move(batch)));
        const auto& rows = results.rows(listed);
        cr_assert_not(rows.empty());
        return {std::string{rows.text(0, 0)}, rows.boolean(0, 1)};
    }

    Engine engine_;
    TestDatabase own_;
    OpenDatabase open_;
};

}  // namespace

ON_BOTH(revision, follows_every_change, Lists, lists) {
    for (const char* change :
         {"INSERT INTO tasks (id, user_id, title, description, completed, created_at, updated_at) "
          "OVERRIDING SYSTEM VALUE VALUES (9, 'ann', 't', '', false, now(), now())",
          "UPDATE tasks SET title = 'u' WHERE id = 1", "DELETE FROM tasks WHERE id = 1",
          "INSERT INTO conversations (id, user_id, created_at, updated_at) OVERRIDING SYSTEM VALUE "
          "VALUES (9, 'ann', now(), now())",
          "DELETE FROM conversations WHERE id = 3",
          "INSERT INTO messages (id, conversation_id, user_id, role, content, created_at) "
          "OVERRIDING SYSTEM VALUE VALUES (9, 1, 'ann', 'user', 'c', now())",
          "UPDATE messages SET content = 'x' WHERE id = 1"}) {
        lists.expect_renamed(change, {"ann"});
    }
    const auto before = lists.tasks_of().revision;
    lists.execute("DELETE FROM tasks WHERE user_id = 'bob'");
    EXPECT_TEXT(lists.tasks_of().revision, before);
}

// A message changes updated_at, and so may somebody at a prompt, or a request that then finds no
// room for its message.
ON_BOTH(revision, follows_a_conversation_that_is_only_touched, Lists, lists) {
    lists.expect_renamed(
        lists.is_sqlite()
            ? "UPDATE conversations SET updated_at = updated_at + 1 WHERE id = 1"
            : "UPDATE conversations SET updated_at = updated_at + interval '1 s' WHERE id = 1",
        {"ann"});
}

ON_BOTH(revision, follows_rows_to_another_user, Lists, lists) {
    lists.expect_renamed("UPDATE tasks SET user_id = 'bob' WHERE id = 1", {"ann", "bob"});
    EXPECT_TEXT(lists.execute(
                    "SELECT type FROM events WHERE audience = 'user:ann' ORDER BY id DESC LIMIT 1"),
                "task.deleted");
    EXPECT_TEXT(lists.execute("SELECT count(*) FROM events WHERE audience = 'user:ann' AND "
                              "CAST(data AS text) LIKE '%bob%'"),
                "0");
    lists.expect_renamed("UPDATE conversations SET user_id = 'bob' WHERE id = 3", {"ann", "bob"});
    lists.expect_renamed("UPDATE messages SET conversation_id = 2, user_id = 'bob' WHERE id = 1",
                         {"ann", "bob"});
}

// A long conversation is deleted in several transactions, whose deletions leave no event.
ON_BOTH(revision, follows_deleted_messages, Lists, lists) {
    const auto before = lists.messages_of_ann().revision;
    lists.execute("DELETE FROM messages WHERE id = 1");
    cr_expect_neq(lists.messages_of_ann().revision, before);
}

ON_BOTH(revision, is_another_after_all_events_were_removed, Lists, lists) {
    lists.prune(1000);
    EXPECT_TEXT(lists.execute("SELECT count(*) FROM events"), "0");
    for (int round = 0; round < 2; ++round) {
        const auto before = lists.tasks_of().revision;
        lists.execute("UPDATE tasks SET title = title WHERE id = 1");
        const auto between = lists.tasks_of().revision;
        lists.prune(1000);
        cr_expect_neq(lists.tasks_of().revision, before);
        if (!lists.is_sqlite()) EXPECT_TEXT(lists.tasks_of().revision, between);
    }
}

// `prune` goes by ids and the revision by transactions: an event with a smaller id and a greater
// transaction is removed first, and the event below it was the newest before.
Test(revision, does_not_go_back_when_newer_events_are_removed) {
    Lists lists{Engine::postgres};
    lists.prune(1000);
    const auto add = [&](const char* transaction, const char* id) {
        lists.execute(std::string{"INSERT INTO events (transaction_id, id, type, audience, "
                                  "subject, data) OVERRIDING SYSTEM VALUE SELECT (id + "} +
                      transaction + ")::text::xid8, " + id +
                      ", 't', 'user:ann', '/', '{}' FROM (SELECT transaction_id::text::bigint AS "
                      "id FROM events_pruned) AS mark");
    };
    add("1", "2000060");
    const auto before = lists.tasks_of().revision;
    add("2", "2000050");
    lists.execute("DELETE FROM events WHERE id = 2000050");
    cr_expect_neq(lists.tasks_of().revision, before);
}

Test(revision, follows_a_replaced_row_on_sqlite) {
    Lists lists{Engine::sqlite};
    lists.expect_renamed(
        "PRAGMA recursive_triggers = ON; INSERT OR REPLACE INTO tasks (id, user_id, title, "
        "description, completed, created_at, updated_at) VALUES (1, 'bob', 't', '', false, 1, 1)",
        {"ann", "bob"});
}

// The service's own connections see rows that REPLACE deletes.
Test(revision, recursive_triggers_are_on) {
    Lists lists{Engine::sqlite};
    constexpr Query replace{
        "replace", "",
        "INSERT OR REPLACE INTO tasks (id, user_id, title, description, completed, created_at, "
        "updated_at) VALUES (1, 'bob', 't', '', false, 1, 1)",
        false};
    const auto before = lists.tasks_of().revision;
    db::Batch batch;
    batch.add(replace);
    lists.open().wait(lists.open().db().run(std::move(batch)));
    cr_expect_neq(lists.tasks_of().revision, before);
}

Test(revision, follows_a_truncate) {
    Lists lists{Engine::postgres};
    for (const char* tables :
         {"tasks", "messages", "conversations CASCADE", "events", "users CASCADE"}) {
        const auto before = lists.tasks_of().revision;
        lists.execute(std::string{"BEGIN; TRUNCATE "} + tables + "; ROLLBACK");
        EXPECT_TEXT(lists.tasks_of().revision, before);
        lists.expect_renamed(std::string{"TRUNCATE "} + tables, {"ann", "bob"});
    }
}

// As the operator is told to do after changes that left no events.
ON_BOTH(revision, follows_a_new_history, Lists, lists) {
    lists.expect_renamed("INSERT INTO feed_epoch DEFAULT VALUES", {"ann", "bob"});
}

// A dump that is restored into the running server brings the same rows in another table.
Test(revision, is_another_in_a_restored_table) {
    Lists lists{Engine::postgres};
    lists.expect_renamed(
        "CREATE TABLE restored AS TABLE feed_epoch; DROP TABLE feed_epoch; ALTER TABLE restored "
        "RENAME TO feed_epoch",
        {"ann", "bob"});
}

// An older file that was put back gives the same id to another event.
Test(revision, is_another_for_another_event_with_its_id) {
    Lists lists{Engine::sqlite};
    const auto change = [&](const char* moment) {
        lists.execute("UPDATE tasks SET title = title WHERE id = 1");
        lists.execute(std::string{"UPDATE events SET created_at = "} + moment +
                      " WHERE id = (SELECT max(id) FROM events)");
        const auto newest = lists.tasks_of().revision;
        lists.execute("DELETE FROM events");
        return std::pair{newest, lists.tasks_of().revision};
    };
    const auto first = change("1");
    lists.execute(
        "DELETE FROM events_pruned; UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = "
        "'events'");
    const auto second = change("2");
    cr_expect_neq(first.first, second.first);
    cr_expect_neq(first.second, second.second);
}

// An older transaction that still runs may change the lists without a newer event.
Test(revision, is_settled_when_every_older_transaction_has_ended) {
    Lists lists{Engine::postgres};
    lists.database().wait_for_feed();
    cr_expect(lists.tasks_of().is_settled);
    const PgConnection older{PQconnectdb(lists.database().url().c_str())};
    const auto run = [&](const char* sql) { PQclear(PQexec(older.get(), sql)); };
    run("BEGIN; UPDATE tasks SET title = 'old' WHERE id = 1");
    cr_expect(lists.tasks_of().is_settled, "nothing has changed since");
    lists.execute("UPDATE tasks SET title = 'new' WHERE id = 2");
    cr_expect_not(lists.tasks_of("bob").is_settled);
    cr_expect(lists.tasks_of().is_settled);
    run("COMMIT");
    lists.database().wait_for_feed();
    cr_expect(lists.tasks_of().is_settled && lists.tasks_of("bob").is_settled);
}
