// `steelthread migrate up` folds the texts of tasks that another program, such as an earlier
// release, has written.
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "shared/models/task.hpp"
#include "sql/fold.hpp"
#include "tests/support/json_text.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

struct Text {
    const char* title;
    const char* description;
};
// In the order of their folded titles.
constexpr Text texts[] = {
    {"\xc3\x80 la carte", "Caf\xc3\xa9"},                                 // À
    {"\xc3\x84PFEL kaufen", "Rote \"Bio\"-\xc3\x84pfel\n\\ und Birnen"},  // Ä
    {"b", ""},
    {"Stra\xc3\x9f"
     "e fegen",
     "\xc5\x81\xc3\xb3"
     "d\xc5\xba"},  // ß
    {"\xce\x91\xce\x93\xce\x9f\xce\xa1\xce\x91",
     "\xce\x93\xce\xac\xce\xbb\xce\xb1 \xce\xba\xce\xb1\xce\xb9 \xce\xa8\xce\xa9\xce\x9c\xce\x8a"},
    {"\xd0\x9a\xd1\x83\xd0\xbf\xd0\xb8\xd1\x82\xd1\x8c "
     "\xd0\x9c\xd0\x9e\xd0\x9b\xd0\x9e\xd0\x9a\xd0\x9e",
     "\x01\x1e\x1f control"},
    {"\xf0\x9f\x98\x80 emoji", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"},
};

std::string quoted(const std::string& text) {
    std::string all = "'";
    for (const char c : text) all.append(c == '\'' ? 2 : 1, c);
    return all + "'";
}

class Folding {
public:
    explicit Folding(Engine engine)
        : is_sqlite_(engine == Engine::sqlite),
          database_(engine),
          variables_(service_variables(
              database_.url(), test_variable("TEST_DIR") + "/fold_" + std::to_string(getpid()))) {
        variables_["PORT"] = std::to_string(free_port());
        variables_["DEV_USER_EMAIL"] = "";
    }

    bool is_sqlite() const { return is_sqlite_; }
    const TestDatabase& database() const { return database_; }
    const Variables& variables() const { return variables_; }
    std::string execute(const std::string& sql) const { return database_.execute(sql); }

    // Undoes the migrations that came with the folded texts.
    void go_back() const {
        for (std::string output; !output.starts_with("undone 0016");)
            output = steelthread({"migrate", "down", "--yes"});
    }
    std::string up() const { return steelthread({"migrate", "up"}); }

    // Adds a task as releases do that do not know folded texts.
    void add(const std::string& title, const std::string& description) const {
        database_.add_user("ann");
        execute(insert + "VALUES ('ann', " + quoted(title) + ", " + quoted(description) +
                ", false, " + now() + ", " + now() + ")");
    }
    // Adds many.
    void add(int count) const {
        database_.add_user("bob");
        execute(insert + "SELECT 'bob', '\xc3\x84 ' || i, 'Nr. ' || i, false, " + now() + ", " +
                now() +
                (is_sqlite_ ? " FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                              "FROM n WHERE i < " +
                                  std::to_string(count) + ") SELECT i FROM n)"
                            : " FROM generate_series(1, " + std::to_string(count) + ") AS n(i)"));
    }

    std::string unfolded() const { return execute("SELECT count(*) FROM tasks WHERE folds = 0"); }
    std::string events() const { return execute("SELECT count(*) FROM events"); }

    void expect_folded(std::int64_t id, const std::string& title, const std::string& description,
                       const std::vector<std::string>& tags = {}) const {
        EXPECT_TEXT(execute("SELECT folds || '|' || folded_title || '|' || folded_text FROM tasks "
                            "WHERE id = " +
                            std::to_string(id)),
                    "1|" + folded_title(title) + "|" + folded_title(title) + "\x1e" +
                        folded(description) + "\x1e" + folded_tags(tags));
    }

private:
    static inline const std::string insert =
        "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) ";

    std::string now() const { return is_sqlite_ ? "unixepoch() * 1000000" : "now()"; }

    std::string steelthread(std::vector<std::string> words) const {
        words.insert(words.begin(), built("steelthread"));
        const auto finished = run_command(words, variables_);
        cr_assert_eq(finished.status, 0, "%s", finished.errors.c_str());
        return finished.output;
    }

    bool is_sqlite_;
    const TestDatabase database_;
    Variables variables_;
};

std::string last_line(const std::string& output) {
    const auto end = output.rfind('\n', output.size() - 2);
    return end == output.npos ? output : output.substr(end + 1);
}

std::string ids(const Stack& stack, const std::string& query, std::string* etag = nullptr) {
    const auto reply =
        stack.send({.path = "/api/tasks?" + query, .headers = {stack.authorization_of("ann")}});
    cr_assert_eq(reply.status, 200, "%s", reply.body.c_str());
    if (etag) *etag = reply.header("etag");
    std::string all;
    for (int i = 0;; ++i) {
        const auto id = json_member(reply.body, "data." + std::to_string(i) + ".id");
        if (id == "<absent>") return all;
        all += (all.empty() ? "" : " ") + id;
    }
}

}  // namespace

ON_BOTH(fold, migrate_up_folds_the_tasks_of_earlier_releases, Folding, folding) {
    folding.go_back();
    for (const auto& [title, description] : texts) folding.add(title, description);
    folding.add(2500);
    const auto events = folding.events();
    const auto number = std::to_string(std::size(texts) + 2500);
    EXPECT_TEXT(last_line(folding.up()), "folded the texts of " + number + " tasks\n");
    EXPECT_TEXT(folding.events(), events);
    EXPECT_TEXT(folding.execute("SELECT count(*) FROM tasks WHERE folds <> 1"), "0");
    std::int64_t id = 0;
    for (const auto& [title, description] : texts) folding.expect_folded(++id, title, description);
    EXPECT_TEXT(folding.execute("SELECT count(*) FROM tasks WHERE user_id = 'bob' AND "
                                "folded_title LIKE 'a %'"),
                "2500");
    EXPECT_TEXT(folding.up(), "nothing to apply\n");

    const Stack stack{folding.database().url()};
    EXPECT_TEXT(ids(stack, "sort=title&order=asc"), "1 2 3 4 5 6 7");
    EXPECT_TEXT(ids(stack, "sort=title&order=desc"), "7 6 5 4 3 2 1");
    EXPECT_TEXT(ids(stack, "q=apfel+birnen"), "2");
    EXPECT_TEXT(ids(stack, "q=CAFE"), "1");
    EXPECT_TEXT(ids(stack, "q=strasse"), "4");
    EXPECT_TEXT(ids(stack, "q=%CE%B1%CE%B3%CE%BF%CF%81%CE%B1"), "5");
    EXPECT_TEXT(ids(stack, "q=%D0%BC%D0%BE%D0%BB%D0%BE%D0%BA%D0%BE"), "6");
    EXPECT_TEXT(ids(stack, "q=%F0%9F%98%80"), "7");
    EXPECT_TEXT(ids(stack, "q=nr"), "");
}

// What it has folded until then stays, and the next one folds the rest.
ON_BOTH(fold, resumes_where_it_was_interrupted, Folding, folding) {
    constexpr int count = 20'000;
    folding.go_back();
    folding.add(count);
    const auto events = folding.events();
    {
        const Background first{{built("steelthread"), "migrate", "up"},
                               folding.variables(),
                               test_variable("TEST_DIR") + "/fold_log_" + std::to_string(getpid())};
        wait_until("some tasks are folded", [&] {
            return folding.execute(
                       "SELECT count(*) FROM schema_migrations WHERE name >= "
                       "'0016'") != "0" &&
                   folding.unfolded() != std::to_string(count);
        });
    }
    const auto rest = folding.unfolded();
    cr_assert(rest != "0" && rest != std::to_string(count), "%s", rest.c_str());
    EXPECT_TEXT(last_line(folding.up()), "folded the texts of " + rest + " tasks\n");
    EXPECT_TEXT(folding.execute("SELECT count(*) FROM tasks WHERE folds <> 1"), "0");
    EXPECT_TEXT(folding.events(), events);
}

// Lists in the order of folded texts are served already, and must not be taken for unchanged.
ON_BOTH(fold, migrate_up_folds_later_changes_with_an_event_each, Folding, folding) {
    for (const auto& [title, description] : texts) folding.add(title, description);
    folding.execute("UPDATE tasks SET tags = '[\"B\",\"\xc3\x89t\xc3\xa9\"]' WHERE id = 3");
    EXPECT_TEXT(folding.up(),
                "folded the texts of " + std::to_string(std::size(texts)) + " tasks\n");
    // The start of a service migrates as well.
    const Stack stack{folding.database().url()};
    const std::string new_title = "\xc3\x96lwechsel";
    folding.execute("UPDATE tasks SET title = '" + new_title + "' WHERE id = 1");
    folding.execute("UPDATE tasks SET completed = true WHERE id = 2");
    EXPECT_TEXT(folding.unfolded(), "1");
    folding.add("\xc3\xa0 demain", "");
    folding.database().wait_for_feed();
    std::string before;
    ids(stack, "sort=title&order=asc", &before);
    const auto events = std::stoi(folding.events());
    EXPECT_TEXT(folding.up(), "folded the texts of 2 tasks\n");
    EXPECT_TEXT(folding.events(), std::to_string(events + 2));
    folding.expect_folded(1, new_title, texts[0].description);
    folding.expect_folded(3, "b", "", {"B", "\xc3\x89t\xc3\xa9"});
    folding.expect_folded(std::ssize(texts) + 1, "\xc3\xa0 demain", "");
    const auto json = folding.is_sqlite()
                          ? "(SELECT json FROM task_json WHERE task_json.id = tasks.id)"
                          : "task_json(tasks)";
    EXPECT_TEXT(
        folding.execute("SELECT count(*) FROM (SELECT * FROM events ORDER BY id DESC LIMIT 2) AS "
                        "newest JOIN tasks ON subject = '/tasks/' || tasks.id WHERE type = "
                        "'task.updated' AND audience = 'user:ann' AND tasks.id IN (1, 8) AND "
                        "CAST(data AS text) = " +
                        std::string{json}),
        "2");
    std::string after;
    EXPECT_TEXT(ids(stack, "sort=title&order=asc", &after), "8 2 3 1 4 5 6 7");
    cr_expect_neq(after, before);
    EXPECT_TEXT(ids(stack, "q=olwechsel"), "1");
    EXPECT_TEXT(folding.up(), "nothing to apply\n");
    EXPECT_TEXT(folding.events(), std::to_string(events + 2));
}

// Each member is compared with what was read.
ON_BOTH(fold, leaves_out_what_has_changed_since_it_was_read, Folding, folding) {
    folding.add("Read", "Before");
    const auto columns = "SELECT folds || folded_title || folded_text FROM tasks";
    const auto before = folding.execute(columns);
    OpenDatabase open{folding.database().url()};
    const auto write = [&](const Query& query, const std::string& title,
                           const std::string& description, const std::string& tags) {
        db::Batch batch;
        batch.add(query,
                  json_text(R"([{"id":1,"title":$,"description":$,"tags":$,"folded_title":"new",)"
                            R"("folded_description":"new","folded_tags":"new"}])",
                            title, description, tags));
        open.wait(open.db().run(std::move(batch)));
    };
    const auto events = folding.events();
    for (const auto* query : {&sql::fold_tasks, &sql::fold_served_tasks}) {
        write(*query, "Another", "Before", "[]");
        write(*query, "Read", "Another", "[]");
        write(*query, "Read", "Before", R"(["x"])");
    }
    EXPECT_TEXT(folding.execute(columns), before);
    EXPECT_TEXT(folding.events(), events);
    write(sql::fold_tasks, "Read", "Before", "[]");
    EXPECT_TEXT(folding.execute(columns), "1newnew\x1enew\x1enew");
    EXPECT_TEXT(folding.events(), events);
    // What is folded already is left alone.
    folding.execute("UPDATE tasks SET folded_title = 'kept', folded_text = 'kept'");
    for (const auto* query : {&sql::fold_tasks, &sql::fold_served_tasks})
        write(*query, "Read", "Before", "[]");
    EXPECT_TEXT(folding.execute(columns), "1keptkept");
    EXPECT_TEXT(folding.events(), events);
}

// A transaction changes a task while it is being folded: `migrate up` waits, and leaves it as it
// is.
Test(fold, does_not_overwrite_a_task_that_changes_meanwhile) {
    const Folding folding{Engine::postgres};
    folding.add("Before", "");
    folding.add("Another", "");
    folding.execute("BEGIN; UPDATE tasks SET title = 'After' WHERE id = 1");
    const Background up{{built("steelthread"), "migrate", "up"},
                        folding.variables(),
                        test_variable("TEST_DIR") + "/fold_log_" + std::to_string(getpid())};
    wait_until("it waits for the task", [&] {
        return folding.execute(
                   "SELECT pg_stat_clear_snapshot(); "
                   "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                   "current_database() AND wait_event_type = 'Lock'") != "0";
    });
    folding.execute("COMMIT");
    wait_until("the other task is folded", [&] { return folding.unfolded() == "1"; });
    EXPECT_TEXT(folding.execute("SELECT title || ' ' || folded_title FROM tasks WHERE folds = 0"),
                "After after");
    folding.expect_folded(2, "Another", "");
    EXPECT_TEXT(folding.up(), "folded the texts of 1 task\n");
    folding.expect_folded(1, "After", "");
}
