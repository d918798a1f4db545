// Two processes with many clients each, whose writes share transactions with writes that fail in
// every way: what was acknowledged is there once, with one event, and each error reaches only the
// batch that it belongs to.

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <random>
#include <set>

#include "shared/db/sqlstate.hpp"
#include "sql/collab_tasks.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/task_statements.hpp"

namespace {

constexpr int processes = 2;
constexpr int clients = 64;
constexpr int requests_each = 12;
constexpr int shared_keys = 20;    // that all clients try to take
constexpr int changing_rows = 10;  // that all clients change

// A task's title says after a space what happens when it is added.
constexpr auto trigger = R"(
    CREATE TABLE locks (id integer PRIMARY KEY);
    INSERT INTO locks VALUES (1), (2);
    CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        action text := split_part(NEW.title, ' ', 2);
        argument text := split_part(NEW.title, ' ', 3);
    BEGIN
        CASE action
            WHEN 'raises' THEN RAISE EXCEPTION 'asked to' USING ERRCODE = argument;
            WHEN 'locks' THEN
                PERFORM 1 FROM locks WHERE id = argument::integer FOR UPDATE;
                PERFORM pg_sleep(0.02);
                PERFORM 1 FROM locks WHERE id <> argument::integer FOR UPDATE;
            WHEN 'waits' THEN
                PERFORM 1 FROM locks WHERE id = argument::integer FOR UPDATE;
                PERFORM pg_sleep(0.02);
            WHEN 'cancels' THEN PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(60);
            WHEN 'ends' THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60);
            ELSE NULL;
        END CASE;
        RETURN NEW;
    END $$;
    CREATE FUNCTION act_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF split_part(NEW.title, ' ', 2) = 'fails' THEN
            RAISE EXCEPTION 'at the commit' USING ERRCODE = '23503';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER act BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION act();
    CREATE CONSTRAINT TRIGGER act_at_commit AFTER INSERT ON tasks
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION act_at_commit();)";

// A line for each outcome, which the parent reads: what, "done" | "refused" | "unknown" | "wrong",
// and the SQLSTATE.
class Client {
public:
    Client(OpenDatabase& open, unsigned seed, std::string name, FILE* report)
        : open_(open), random_(seed), name_(std::move(name)), report_(report) {}

    Async<db::Results> work() {
        for (int i = 0; i < requests_each; ++i) {
            const auto title = name_ + "-" + std::to_string(i);
            const auto chance = between(1, 1000);
            if (chance <= 350)
                co_await add(title, "");
            else if (chance <= 420)
                co_await add(title + " raises 22012", "22012");
            else if (chance <= 450)
                co_await add(title + " raises 23514", "23514");
            else if (chance <= 480)
                co_await add(title + " fails", "23503");
            else if (chance <= 500)
                co_await add(title + "\xff", "22021");
            else if (chance <= 530)
                co_await add(title, "23503", "nobody");
            else if (chance <= 535)
                co_await add(title + " locks " + either(), "40P01", "", true);
            else if (chance <= 550)
                co_await add(title + " waits " + either(), "40P01", "", true);
            else if (chance <= 560)
                co_await add(title + " cancels", "57014");
            else if (chance <= 565)
                co_await add(title + " ends", "57P01");
            else if (chance <= 700)
                co_await take_key();
            else if (chance <= 850)
                co_await change(title);
            else if (chance <= 880)
                co_await change_with_old_tag();
            else
                co_await read();
        }
        co_return db::Results{};
    }

private:
    int between(int least, int most) { return std::uniform_int_distribution{least, most}(random_); }
    std::string either() { return std::to_string(between(1, 2)); }

    // `wanted`: the SQLSTATE that it must fail with, or may, if it also may succeed. Whoever waits
    // for a row lock holds its place in the queue, and may so become part of others' deadlock.
    Async<> add(std::string title, std::string wanted, std::string user = {},
                bool may_succeed = false) {
        db::Batch batch;
        batch.add(inserted_task(user.empty() ? "ada" : user, title));
        const auto state = co_await outcome(std::move(batch));
        const bool is_right = state == wanted || (may_succeed && state.empty());
        say("task", title.substr(0, title.find('\xff')), state, is_right);
    }

    Async<> take_key() {
        const auto number = between(0, shared_keys - 1);
        char id[37];
        std::snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", number);
        db::Batch batch;
        batch.add(sql::insert_collab_task, db::named("id", *Uuid::parse(id)),
                  db::named("title", name_), db::named("description", db::Null<std::string>{}),
                  db::named("max_tasks", std::int64_t{1'000'000}));
        const auto state = co_await outcome(std::move(batch));
        say("key", id, state, state.empty() || state == sqlstate::unique_violation);
    }

    Async<> change(std::string title) { co_await change_row(std::move(title), std::nullopt); }
    Async<> change_with_old_tag() { co_await change_row("never", "\"0000\""); }

    Async<> change_row(std::string title, std::optional<std::string> tags) {
        db::Batch batch;
        batch.add(changed_title("ada", between(1, changing_rows), title, tags));
        const auto state = co_await outcome(std::move(batch));
        say("change", title, state, state.empty());
    }

    Async<> read() {
        db::Batch batch;
        batch.add(sql::count_tasks, "ada");
        batch.add(sql::board_revision);
        const auto state = co_await outcome(std::move(batch));
        // A read is repeated, and may lose its connection again.
        say("read", name_, state, state.empty());
    }

    Async<std::string> outcome(db::Batch batch) {
        std::string state;
        try {
            co_await open_.db().run(std::move(batch));
        } catch (const DbError& error) {
            state = error.sqlstate();
        }
        co_return state;
    }

    void say(const char* kind, const std::string& what, const std::string& state, bool is_right) {
        const auto* const outcome = is_connection_failure(state) ? "unknown"
                                    : !is_right                  ? "wrong"
                                    : state.empty()              ? "done"
                                                                 : "refused";
        std::fprintf(report_, "%s\t%s\t%s\t%s\n", kind, what.c_str(), outcome, state.c_str());
    }

    OpenDatabase& open_;
    std::minstd_rand random_;
    std::string name_;
    FILE* report_;
};

[[noreturn]] void become_process(const std::string& url, int number, const std::string& report) {
    alarm(120);
    FILE* const file = std::fopen(report.c_str(), "w");
    auto config = test_config(url);
    config.db_deadline_ms = 30'000;
    OpenDatabase open{config};
    std::deque<Client> all;
    std::vector<Async<db::Results>> working;
    for (int i = 0; i < clients; ++i) {
        const auto name = "p" + std::to_string(number) + "c" + std::to_string(i);
        all.emplace_back(open, static_cast<unsigned>(number * clients + i + 1), name, file);
        working.push_back(all.back().work());
    }
    bool is_clean = true;
    for (const auto& state : open.wait_for_all(std::move(working))) is_clean &= state.empty();
    std::fclose(file);
    std::_Exit(is_clean ? 0 : 1);
}

}  // namespace

Test(group_stress, loses_nothing_doubles_nothing_and_blames_nobody_else, .timeout = 150) {
    const TestDatabase database{Engine::postgres};
    database.add_user("ada");
    database.execute(
        "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) "
        "SELECT 'ada', 'row ' || n, '', false, now(), now() FROM generate_series(1, " +
        std::to_string(changing_rows) + ") AS n");
    cr_assert_eq(database.execute("SELECT string_agg(id::text, ' ' ORDER BY id) FROM tasks"),
                 "1 2 3 4 5 6 7 8 9 10");
    database.execute(trigger);

    std::vector<pid_t> children;
    std::vector<std::string> reports;
    for (int i = 0; i < processes; ++i) {
        reports.push_back(test_variable("TEST_DIR") + "/stress_" + std::to_string(getpid()) + "_" +
                          std::to_string(i));
        const auto child = fork();
        if (child == 0) become_process(database.url(), i, reports.back());
        children.push_back(child);
    }
    for (const auto child : children) {
        int status = -1;
        waitpid(child, &status, 0);
        cr_assert_eq(status, 0);
    }

    database.execute("CREATE TABLE outcomes (kind text, what text, outcome text, state text)");
    for (const auto& report : reports) {
        FILE* const file = std::fopen(report.c_str(), "r");
        char line[512];
        std::string values;
        while (std::fgets(line, sizeof line, file)) {
            std::string text{line};
            text.pop_back();
            values += (values.empty() ? "('" : ", ('");
            for (const char c : text) values += c == '\t' ? std::string{"', '"} : std::string{c};
            values += "')";
        }
        std::fclose(file);
        database.execute("INSERT INTO outcomes VALUES " + values);
    }

    EXPECT_TEXT(database.execute("SELECT coalesce(string_agg(kind || ' ' || what || ' ' || state, "
                                 "', '), '') FROM outcomes WHERE outcome = 'wrong'"),
                "");
    // Reads are repeated, so none is left unknown unless it lost two connections.
    EXPECT_TEXT(database.execute("SELECT count(*) > 200 FROM outcomes WHERE outcome = 'done'"),
                "t");
    const auto lost = [&](const std::string& of) {
        return database.execute(
            "SELECT coalesce(string_agg(what, ', '), '') FROM outcomes AS told "
            "WHERE " +
            of);
    };
    // What was acknowledged is there once.
    EXPECT_TEXT(lost("kind = 'task' AND outcome = 'done' AND 1 <> "
                     "(SELECT count(*) FROM tasks WHERE title = told.what)"),
                "");
    // What was refused is not there, and what is unknown at most once.
    EXPECT_TEXT(lost("kind = 'task' AND outcome = 'refused' AND EXISTS "
                     "(SELECT 1 FROM tasks WHERE title = told.what)"),
                "");
    EXPECT_TEXT(lost("kind = 'task' AND outcome = 'unknown' AND 1 < "
                     "(SELECT count(*) FROM tasks WHERE title = told.what)"),
                "");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM tasks WHERE title = 'never'"), "0");
    // A key has one winner at most, and one if any was acknowledged or refused.
    EXPECT_TEXT(
        database.execute(
            "SELECT coalesce(string_agg(what, ', '), '') FROM (SELECT what, count(*) FILTER "
            "(WHERE outcome = 'done') AS won, count(*) FILTER (WHERE outcome = 'unknown') AS "
            "unknown FROM outcomes WHERE kind = 'key' GROUP BY what) AS keys WHERE won > 1 OR "
            "won + unknown < 1 OR NOT EXISTS (SELECT 1 FROM collab_tasks WHERE id::text = "
            "what)"),
        "");
    // Each row has one event of its creation, and its last event equals it.
    EXPECT_TEXT(
        database.execute(
            "SELECT count(*) FROM tasks WHERE 1 <> (SELECT count(*) FROM events WHERE type = "
            "'task.created' AND subject = '/tasks/' || tasks.id)"),
        "0");
    EXPECT_TEXT(
        database.execute("SELECT count(*) FROM events WHERE type = 'task.created' AND "
                         "subject LIKE '/tasks/%' AND NOT EXISTS (SELECT 1 FROM tasks WHERE "
                         "subject = '/tasks/' || tasks.id)"),
        "0");
    EXPECT_TEXT(database.execute(
                    "SELECT count(*) FROM tasks WHERE task_json(tasks) <> (SELECT data::text FROM "
                    "events WHERE subject = '/tasks/' || tasks.id ORDER BY transaction_id DESC, id "
                    "DESC LIMIT 1)"),
                "0");
    EXPECT_TEXT(database.execute("SELECT total = (SELECT count(*) FROM tasks) FROM (SELECT "
                                 "sum(total) AS total FROM task_counts) AS counted"),
                "t");
    // Groups were at work.
    EXPECT_TEXT(database.execute("SELECT max(count) > 4 FROM (SELECT count(*) FROM tasks GROUP BY "
                                 "xmin::text) AS sizes"),
                "t");
}
