// The writes of one turn of the loop, which share a transaction of SQLite.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include "shared/db/sqlstate.hpp"
#include "sql/all.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/task_statements.hpp"

namespace {

using std::chrono::milliseconds;

constexpr const char* schema =
    "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL, moment INTEGER); "
    "CREATE TABLE parts (id INTEGER PRIMARY KEY, "
    "thing INTEGER REFERENCES things DEFERRABLE INITIALLY DEFERRED)";

constexpr std::string_view thing_parameters[] = {"id", "name"};
constexpr Query add_thing{.name = "add_thing",
                          .sqlite = "INSERT INTO things (id, name, moment) VALUES ($1, $2, now())",
                          .parameters = thing_parameters};
constexpr std::string_view name_parameter[] = {"name"};
constexpr Query append_thing{.name = "append_thing",
                             .sqlite = "INSERT INTO things (name, moment) VALUES ($1, now())",
                             .parameters = name_parameter};
constexpr Query count_things{
    .name = "count_things", .sqlite = "SELECT count(*) AS number FROM things", .reads_only = true};
constexpr Query break_a_rule{.name = "break_a_rule",
                             .sqlite = "INSERT INTO things (name) VALUES (NULL)"};
// A violation that is found at the commit.
constexpr Query break_a_rule_later{.name = "break_a_rule_later",
                                   .sqlite = "INSERT INTO parts (thing) VALUES (1000000)"};
constexpr Query read_for_ever{.name = "read_for_ever",
                              .sqlite =
                                  "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL "
                                  "SELECT n + 1 FROM counter) SELECT count(*) FROM counter",
                              .reads_only = true};
// SQLite rolls back the whole transaction when a statement that writes is interrupted.
constexpr Query write_for_ever{.name = "write_for_ever",
                               .sqlite =
                                   "INSERT INTO things (name) WITH RECURSIVE counter(n) AS "
                                   "(SELECT 1 UNION ALL SELECT n + 1 FROM counter) "
                                   "SELECT count(*) FROM counter"};
// Takes longer than a group has.
constexpr Query write_slowly{.name = "write_slowly",
                             .sqlite =
                                 "INSERT INTO things (name) WITH RECURSIVE counter(n) AS "
                                 "(SELECT 1 UNION ALL SELECT n + 1 FROM counter LIMIT "
                                 "500000) SELECT 'slow ' || count(*) FROM counter"};
// Several of these take longer than a group has.
constexpr Query write_a_while{.name = "write_a_while",
                              .sqlite =
                                  "INSERT INTO things (name, moment) WITH RECURSIVE "
                                  "counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM "
                                  "counter LIMIT 50000) SELECT count(*), now() FROM counter"};
constexpr Query begin_writing{.name = "begin", .sqlite = "BEGIN IMMEDIATE", .reads_only = true};
constexpr Query end_writing{.name = "end", .sqlite = "COMMIT", .reads_only = true};
struct Number {
    std::int64_t number = 0;
    static consteval auto fields() { return std::tuple{json::field("number", &Number::number)}; }
};

using Batches = std::vector<Async<db::Results>>;

db::Batch batch_of(const Query& query) {
    db::Batch batch;
    batch.add(query);
    return batch;
}

db::Batch appending(const std::string& name) {
    db::Batch batch;
    batch.add(append_thing, name);
    return batch;
}

db::Batch adding(std::int64_t id, const std::string& name) {
    db::Batch batch;
    batch.add(add_thing, db::named("id", id), db::named("name", name));
    return batch;
}

// A file with the tables `things` and `parts`.
struct Things {
    TestDatabase database{Engine::sqlite};

    Things() { database.execute(schema); }
    std::string names() const {
        return database.execute(
            "SELECT group_concat(name, ' ') FROM (SELECT name FROM things ORDER BY id)");
    }
    std::string transactions() const {
        return database.execute("SELECT count(DISTINCT moment) FROM things");
    }
    Config with_deadline(int deadline_ms) const {
        auto config = test_config(database.url());
        config.db_deadline_ms = deadline_ms;
        return config;
    }
};

// Runs a batch that appends its letter and then, if it is the guilty one, the statement. Returns
// the states.
std::vector<std::string> run_five(OpenDatabase& open, int guilty, const Query& statement) {
    Batches batches;
    for (int i = 0; i < 5; ++i) {
        auto batch = appending(std::string(1, static_cast<char>('a' + i)));
        if (i == guilty) batch.add(statement);
        batches.push_back(open.db().run(std::move(batch)));
    }
    return open.wait_for_all(std::move(batches));
}

// Runs five batches with that statement in one of them, which must fail alone.
void expect_one_failure(OpenDatabase& open, const Things& things, int guilty,
                        const Query& statement, const std::string& state) {
    things.database.execute("DELETE FROM things");
    const auto states = run_five(open, guilty, statement);
    std::string expected;
    for (int i = 0; i < 5; ++i) {
        EXPECT_TEXT(states[static_cast<std::size_t>(i)], i == guilty ? state : "");
        if (i != guilty) expected += std::string(expected.empty() ? "" : " ") + char('a' + i);
    }
    EXPECT_TEXT(things.database.execute("SELECT group_concat(name, ' ') FROM (SELECT name FROM "
                                        "things ORDER BY name)"),
                expected);
}

// Runs the batch and then adds a letter to the text.
Async<db::Results> note_end(OpenDatabase& open, db::Batch batch, char letter, std::string& ends) {
    std::exception_ptr failure;
    db::Results results;
    try {
        results = co_await open.db().run(std::move(batch));
    } catch (...) {
        failure = std::current_exception();
    }
    ends += letter;
    if (failure) std::rethrow_exception(failure);
    co_return results;
}

}  // namespace

Test(sqlite_groups, the_writes_of_a_turn_are_one_transaction) {
    const Things things;
    OpenDatabase open{things.database.url()};
    Batches batches;
    for (int i = 0; i < 256; ++i) batches.push_back(open.db().run(appending("x")));
    for (const auto& state : open.wait_for_all(std::move(batches))) EXPECT_TEXT(state, "");
    EXPECT_TEXT(things.database.execute("SELECT count(*) FROM things"), "256");
    // A slow machine may need several, because a transaction takes no batch after 50 ms.
    const auto transactions = std::stoi(things.transactions());
    cr_expect_leq(transactions, 8, "%d transactions", transactions);
}

static Async<db::Results> count_after_write(OpenDatabase& open, std::int64_t& count) {
    co_await open.db().run(appending("x"));
    const auto found = co_await open.db().one<Number>(count_things);
    count = found.number;
    co_return db::Results{};
}

Test(sqlite_groups, reads_are_served_between_two_of_them) {
    const Things things;
    OpenDatabase open{things.database.url()};
    Batches batches;
    std::int64_t count = 0;
    batches.push_back(count_after_write(open, count));
    for (int i = 0; i < 1000; ++i) batches.push_back(open.db().run(appending("x")));
    for (const auto& state : open.wait_for_all(std::move(batches))) EXPECT_TEXT(state, "");
    cr_expect(count > 0 && count <= 256, "%ld had been written", static_cast<long>(count));
    EXPECT_TEXT(things.database.execute("SELECT count(*) FROM things"), "1001");
}

Test(sqlite_groups, a_transaction_takes_no_more_batches_after_a_while) {
    const Things things;
    OpenDatabase open{things.with_deadline(60'000)};
    Batches batches;
    for (int i = 0; i < 30; ++i) batches.push_back(open.db().run(batch_of(write_a_while)));
    for (const auto& state : open.wait_for_all(std::move(batches))) EXPECT_TEXT(state, "");
    EXPECT_TEXT(things.database.execute("SELECT count(*) FROM things"), "30");
    const auto transactions = std::stoi(things.transactions());
    cr_expect_gt(transactions, 1);
}

Test(sqlite_groups, an_error_undoes_its_batch_alone) {
    const Things things;
    OpenDatabase open{things.database.url()};
    for (const int guilty : {0, 2, 4}) {
        expect_one_failure(open, things, guilty, break_a_rule, "23502");
        // Usually one. Four if each had been run again in its own.
        cr_expect_lt(std::stoi(things.transactions()), 4);
    }
}

Test(sqlite_groups, an_error_of_the_commit_reaches_only_its_batch) {
    const Things things;
    OpenDatabase open{things.database.url()};
    for (const int guilty : {0, 2, 4})
        expect_one_failure(open, things, guilty, break_a_rule_later, "23503");
    EXPECT_TEXT(things.database.execute("SELECT count(*) FROM parts"), "0");
}

Test(sqlite_groups, of_two_with_the_same_key_the_first_stands) {
    const Things things;
    OpenDatabase open{things.database.url()};
    Batches batches;
    batches.push_back(open.db().run(adding(7, "first")));
    batches.push_back(open.db().run(adding(7, "second")));
    const auto states = open.wait_for_all(std::move(batches));
    EXPECT_TEXT(states[0], "");
    EXPECT_TEXT(states[1], "23505");
    EXPECT_TEXT(things.names(), "first");
}

// The first batch has the key only until the commit fails.
Test(sqlite_groups, no_conflict_is_reported_with_a_row_that_never_was) {
    const Things things;
    OpenDatabase open{things.database.url()};
    Batches batches;
    auto guilty = adding(7, "guilty");
    guilty.add(break_a_rule_later);
    batches.push_back(open.db().run(std::move(guilty)));
    batches.push_back(open.db().run(adding(7, "good")));
    const auto states = open.wait_for_all(std::move(batches));
    EXPECT_TEXT(states[0], "23503");
    EXPECT_TEXT(states[1], "");
    EXPECT_TEXT(things.names(), "good");
}

Test(sqlite_groups, a_late_batch_holds_up_no_others) {
    const Things things;
    OpenDatabase open{things.with_deadline(1000)};
    for (const Query* const statement : {&read_for_ever, &write_for_ever}) {
        things.database.execute("DELETE FROM things");
        std::string ends;
        Batches batches;
        for (const char letter : {'a', 'b', 'c'}) {
            auto batch = appending(std::string(1, letter));
            if (letter == 'b') batch.add(*statement);
            batches.push_back(note_end(open, std::move(batch), letter, ends));
        }
        const auto states = open.wait_for_all(std::move(batches));
        EXPECT_TEXT(states[0] + states[2], "");
        EXPECT_TEXT(states[1], "57014");
        cr_expect_eq(ends.back(), 'b', "%s", ends.c_str());
        EXPECT_TEXT(things.names(), "a c");
    }
}

Test(sqlite_groups, a_slow_batch_has_until_its_own_deadline) {
    const Things things;
    OpenDatabase open{things.with_deadline(60'000)};
    for (const auto& state : run_five(open, 1, write_slowly)) EXPECT_TEXT(state, "");
    EXPECT_TEXT(things.database.execute("SELECT count(*) || ' ' || max(name) FROM things"),
                "6 slow 500000");
}

static Async<db::Results> append_after_long_read(OpenDatabase& open) {
    try {
        co_await open.db().run(batch_of(read_for_ever));
    } catch (const DbError&) {
    }
    auto results = co_await open.db().run(appending("good"));
    co_return results;
}

Test(sqlite_groups, a_batch_is_not_begun_after_its_deadline) {
    const Things things;
    OpenDatabase open{things.with_deadline(300)};
    Batches batches;
    batches.push_back(open.db().run(appending("late")));
    batches.push_back(open.db().run(appending("late")));
    batches.push_back(append_after_long_read(open));
    const auto states = open.wait_for_all(std::move(batches));
    EXPECT_TEXT(states[0], "57014");
    EXPECT_TEXT(states[1], "57014");
    EXPECT_TEXT(states[2], "");
    EXPECT_TEXT(things.names(), "good");
}

static Async<db::Results> append_and_release(OpenDatabase& open, OpenDatabase& holder,
                                             milliseconds wait) {
    co_await sleep_for(wait);
    boost::asio::post(open.loop(), [&] { holder.wait(holder.db().run(batch_of(end_writing))); });
    auto results = co_await open.db().run(appending("good"));
    co_return results;
}

Test(sqlite_groups, each_waits_for_the_lock_until_its_own_deadline) {
    const Things things;
    OpenDatabase open{things.with_deadline(300)};
    OpenDatabase holder{things.database.url()};
    holder.wait(holder.db().run(batch_of(begin_writing)));
    Batches batches;
    for (int i = 0; i < 3; ++i) batches.push_back(open.db().run(appending("late")));
    // The lock is released after the others have given up.
    batches.push_back(append_and_release(open, holder, milliseconds{400}));
    const auto states = open.wait_for_all(std::move(batches));
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TEXT(states[i], "55P03");
    EXPECT_TEXT(states[3], "");
    EXPECT_TEXT(things.names(), "good");
}

static Async<db::Results> close_after(OpenDatabase& open, milliseconds wait) {
    if (wait > milliseconds{0}) co_await sleep_for(wait);
    open.db().close();
    co_return db::Results{};
}

Test(sqlite_groups, a_close_ends_those_that_wait) {
    const Things things;
    OpenDatabase holder{things.database.url()};
    // In the turn in which they come, and while they wait for the lock.
    for (const int wait : {0, 20}) {
        OpenDatabase open{things.database.url()};
        Batches batches;
        for (int i = 0; i < 3; ++i) batches.push_back(open.db().run(appending("late")));
        if (wait > 0) holder.wait(holder.db().run(batch_of(begin_writing)));
        batches.push_back(close_after(open, milliseconds{wait}));
        const auto states = open.wait_for_all(std::move(batches));
        for (std::size_t i = 0; i < 3; ++i) EXPECT_TEXT(states[i], "57P01");
    }
    holder.wait(holder.db().run(batch_of(end_writing)));
    EXPECT_TEXT(things.database.execute("SELECT count(*) FROM things"), "0");
}

static Async<db::Results> rename_file(std::string from, std::string to) {
    std::filesystem::rename(from, to);
    co_return db::Results{};
}

Test(sqlite_groups, a_file_that_is_moved_before_the_commit_gets_none_of_them) {
    const Things things;
    const auto path = things.database.url().substr(std::string_view{"sqlite:///"}.size());
    OpenDatabase open{things.database.url()};
    EXPECT_TEXT(open.sqlstate_of(open.db().run(appending("before"))), "");
    Batches batches;
    for (int i = 0; i < 3; ++i) batches.push_back(open.db().run(appending("lost")));
    batches.push_back(rename_file(path, path + ".away"));
    const auto states = open.wait_for_all(std::move(batches));
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TEXT(states[i], "08006");
    std::filesystem::rename(path + ".away", path);
    EXPECT_TEXT(open.sqlstate_of(open.db().run(appending("after"))), "");
    EXPECT_TEXT(things.names(), "before after");
}

Test(sqlite_groups, a_full_disk_refuses_what_does_not_fit) {
    const Things things;
    OpenDatabase open{things.database.url()};
    // Room for one of the large batches and for all of the small ones.
    const auto pages = std::stoi(things.database.execute("PRAGMA page_count"));
    const auto limit = "PRAGMA max_page_count = " + std::to_string(pages + 70);
    const Query limit_size{.name = "limit_size", .sqlite = limit.c_str(), .reads_only = true};
    open.wait(open.db().run(batch_of(limit_size)));
    Batches batches;
    for (int i = 0; i < 10; ++i) {
        batches.push_back(open.db().run(appending(std::string(200'000, 'x'))));
        for (int small = 0; small < 3; ++small)
            batches.push_back(open.db().run(appending("small")));
    }
    const auto states = open.wait_for_all(std::move(batches));
    cr_expect_eq(std::count(states.begin(), states.end(), ""), 31);
    cr_expect_eq(std::count(states.begin(), states.end(), "53100"), 9);
    EXPECT_TEXT(things.database.execute("SELECT count(*) FROM things"), "31");
    EXPECT_TEXT(things.database.execute("PRAGMA integrity_check"), "ok");
}

namespace {

constexpr int clients = 64;
constexpr int rounds = 5;
constexpr int shared_rows = 10;

// A batch of the stress test and the SQLSTATEs with which it may end, separated by spaces.
struct Attempt {
    std::string title;
    db::Batch batch;
    std::string_view allowed;
};

constexpr std::string_view success = "-";

db::Statement change_shared_row(int row, const std::string& title,
                                const std::optional<std::string>& etags) {
    return changed_title("user", row + 1, title, etags);
}

// Most attempts are good ones; each of the others creates its task, too, and then fails.
Attempt attempt(int process, int client, int round) {
    const int number = (process * clients + client) * rounds + round;
    const auto name = std::to_string(number);
    Attempt made{"good " + name, {}, success};
    const std::string user = number % 16 == 1 ? "disabled" : "user";
    if (number % 16 == 1) made = {"refused " + name, {}, sqlstate::logarithm_of_zero};
    if (number % 16 == 3) made = {"conflict " + name, {}, "- 23505"};
    if (number % 16 == 5) made = {"foreign " + name, {}, sqlstate::foreign_key_violation};
    if (number % 16 == 7) made = {"precondition " + name, {}, success};
    if (number % 128 == 9) made = {"deferred " + name, {}, sqlstate::foreign_key_violation};
    made.batch.add(inserted_task("user", made.title));
    made.batch.add(sql::require_account, user);
    if (made.title.starts_with("good") && number % 2 == 0)
        made.batch.add(change_shared_row(number / 2 % shared_rows, made.title, std::nullopt));
    if (made.title.starts_with("conflict"))
        made.batch.add(add_thing, db::named("id", std::int64_t{number / 16 % 24}),
                       db::named("name", made.title));
    if (made.title.starts_with("foreign"))
        made.batch.add(inserted_task("nobody", made.title + " again"));
    if (made.title.starts_with("precondition"))
        made.batch.add(change_shared_row(number / 2 % shared_rows, made.title, "\"another\""));
    if (made.title.starts_with("deferred")) made.batch.add(break_a_rule_later);
    return made;
}

Async<db::Results> be_client(OpenDatabase& open, int process, int client, std::ofstream& report) {
    for (int round = 0; round < rounds; ++round) {
        auto [title, batch, allowed] = attempt(process, client, round);
        std::string state{success};
        try {
            const auto results = co_await open.db().run(std::move(batch));
        } catch (const DbError& error) {
            state = error.sqlstate();
        }
        const bool is_allowed = allowed.find(state) != allowed.npos;
        report << title << (state == success ? ":done" : ":failed") << (is_allowed ? "" : state)
               << std::endl;
    }
    co_return db::Results{};
}

// Sends the batches of one process. Returns its id; it writes "title:done" or "title:failed" for
// each of them, followed by the state if it is not the one expected.
pid_t start_clients(const std::string& url, int process, const std::string& report) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    {
        auto config = test_config(url);
        config.db_deadline_ms = 60'000;
        OpenDatabase open{config};
        std::ofstream file{report};
        Batches batches;
        for (int client = 0; client < clients; ++client)
            batches.push_back(be_client(open, process, client, file));
        open.wait_for_all(std::move(batches));
    }
    _exit(EXIT_SUCCESS);
}

}  // namespace

Test(sqlite_groups, errors_in_two_processes_reach_only_their_batches) {
    const Things things;
    const auto& database = things.database;
    database.add_user("user");
    database.execute("INSERT INTO users (id, disabled_at) VALUES ('disabled', 1)");
    for (int row = 0; row < shared_rows; ++row)
        database.execute(
            "INSERT INTO tasks (user_id, title, description, completed, created_at, "
            "updated_at) VALUES ('user', 'shared', '', 0, 0, 0)");
    std::vector<pid_t> processes;
    const auto report = [](int process) {
        return test_variable("TEST_DIR") + "/report_" + std::to_string(getpid()) + "_" +
               std::to_string(process);
    };
    for (int process = 0; process < 2; ++process)
        processes.push_back(start_clients(database.url(), process, report(process)));
    for (const pid_t pid : processes) {
        int status = 0;
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert_eq(status, 0);
    }

    // Each acknowledged batch has left one task and one event, and no other has left anything.
    std::map<std::string, int> answers;
    std::string done;
    for (int process = 0; process < 2; ++process) {
        std::ifstream file{report(process)};
        for (std::string line; std::getline(file, line);) {
            const auto title = line.substr(0, line.find(':'));
            const auto answer = line.substr(title.size() + 1);
            ++answers[title.substr(0, title.find(' ')) + ":" + answer];
            if (answer == "done") done += (done.empty() ? "('" : ", ('") + title + "')";
        }
        std::filesystem::remove(report(process));
    }
    for (const auto& [answer, count] : answers)
        cr_expect(answer.ends_with(":done") || answer.ends_with(":failed"), "%d × %s", count,
                  answer.c_str());
    cr_expect_eq(answers["conflict:done"], 24);
    database.execute("CREATE TABLE acknowledged (title TEXT); INSERT INTO acknowledged VALUES " +
                     done);
    const auto expect_none = [&](const char* what, const std::string& from) {
        EXPECT_TEXT(
            database.execute("SELECT count(*) || ' " + std::string{what} + "' FROM " + from),
            std::string{"0 "} + what);
    };
    const std::string created =
        "(SELECT json_extract(data, '$.title') AS title FROM events "
        "WHERE type = 'task.created' AND CAST(substr(subject, 8) AS "
        "INTEGER) > " +
        std::to_string(shared_rows) + ") AS created";
    const std::string made =
        "(SELECT title FROM tasks WHERE id > " + std::to_string(shared_rows) + ") AS made";
    for (const auto& found : {created, made}) {
        expect_none("lost", "acknowledged WHERE title NOT IN (SELECT title FROM " + found + ")");
        expect_none("refused and done",
                    found + " WHERE title NOT IN (SELECT title FROM acknowledged)");
        expect_none("done twice",
                    "(SELECT 1 FROM " + found + " GROUP BY title HAVING count(*) > 1)");
    }
    expect_none("of another batch", "things WHERE name NOT IN (SELECT title FROM acknowledged)");
    expect_none(
        "changed in spite of a precondition",
        "tasks WHERE id <= " + std::to_string(shared_rows) + " AND title LIKE 'precondition%'");
    expect_none("that differ from their last event",
                "task_json WHERE json <> (SELECT data FROM events WHERE subject = '/tasks/' || "
                "task_json.id ORDER BY events.id DESC LIMIT 1)");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM parts"), "0");
    EXPECT_TEXT(database.execute("PRAGMA integrity_check"), "ok");
}
