#include "shared/idempotency/request_key.hpp"

#include <criterion/criterion.h>

#include <stdexcept>

#include "shared/models/task.hpp"
#include "sql/prune.hpp"
#include "sql/request_keys.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

namespace {

constexpr std::string_view two_parameters[] = {"user_id", "titles"};

// Adds a task for each title of a JSON array.
constexpr Query insert_two_tasks{
    .name = "insert_two_tasks",
    .postgres =
        "INSERT INTO tasks (user_id, title, description, completed) SELECT $1, value, '', "
        "false FROM json_array_elements_text($2::json) AS value RETURNING id",
    .sqlite =
        "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) "
        "SELECT $1, value, '', false, now(), now() FROM json_each($2) RETURNING id",
    .parameters = two_parameters};

// A user with a database.
struct Keys {
    explicit Keys(Engine used) : engine(used), database(used), open(database.url()) {
        database.add_user("ada");
        database.add_user("bob");
    }

    RequestKey key(const std::string& text, const std::string& user = "ada") {
        RawRequest raw;
        raw.idempotency_key = text;
        return RequestKey{Request{raw, Method::post, {}, {user, ""}}, "tasks"};
    }

    KeyedResults add(const RequestKey& key, const std::string& titles,
                     const std::string& user = "ada") {
        db::Batch batch;
        const auto inserted =
            batch.add(insert_two_tasks, db::named("user_id", user), db::named("titles", titles));
        return open.wait(key.run(open.db(), std::move(batch), inserted, "task.created"));
    }

    // Adds so many keys of a user, the first one the oldest, which is `hours` old.
    void fill(const std::string& user, int number, int hours) {
        const auto last = std::to_string(number);
        const auto age = std::to_string(hours);
        database.execute(
            "INSERT INTO request_keys (user_id, key, request_digest, subject, answer, created_at) "
            "SELECT '" +
            user + "', '" + age + "-' || i, 'd', 's', 'a', " +
            (engine == Engine::sqlite ? "(unixepoch() - " + age +
                                            " * 3600) * 1000000 + i FROM (WITH RECURSIVE n(i) AS "
                                            "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
                                            last + ") SELECT i FROM n)"
                                      : "now() - interval '" + age +
                                            " hours' + i * interval '1 microsecond' "
                                            "FROM generate_series(1, " +
                                            last + ") AS i"));
    }

    std::int64_t count(const std::string& what) {
        return std::stoll(database.execute("SELECT count(*) FROM request_keys WHERE " + what));
    }

    Engine engine;
    TestDatabase database;
    OpenDatabase open;
};

}  // namespace

// Several rows are one answer, in their order. Those of others do not belong to it.
ON_BOTH(request_key, keeps_what_one_statement_creates, Keys, keys) {
    keys.add(keys.key("", "bob"), R"(["another's"])", "bob");
    const auto key = keys.key("k");
    cr_expect(!keys.add(key, R"(["b","a","c"])").first);
    const auto again = keys.add(key, R"(["d"])");
    cr_assert(again.first.has_value());
    std::string titles;
    const auto array = json::parse("[" + again.first->answer.text + "]");
    for (const auto& task : array.GetArray()) titles += json::text_of(task["title"]);
    EXPECT_TEXT(titles, "bac");
    EXPECT_TEXT(again.first->subject, "/tasks/2");
    EXPECT_TEXT(keys.database.execute("SELECT count(*) FROM tasks"), "4");
}

// Nobody else's row becomes the answer of a batch that has created nothing.
ON_BOTH(request_key, stays_unused_if_nothing_is_created, Keys, keys) {
    keys.add(keys.key("", "bob"), R"(["another's"])", "bob");
    keys.add(keys.key(""), R"(["before"])");
    const auto key = keys.key("k");
    for (int i = 0; i < 2; ++i) cr_expect(!keys.add(key, "[]").first);
    cr_expect_eq(keys.count("true"), 0);
    cr_expect(!keys.add(key, R"(["x"])").first);
    cr_expect(keys.add(key, R"(["x"])").first.has_value());
}

Test(request_key, needs_the_creating_statement_last) {
    Keys keys{Engine::sqlite};
    db::Batch batch;
    const auto inserted =
        batch.add(insert_two_tasks, db::named("user_id", "ada"), db::named("titles", "[]"));
    batch.add(sql::prune_request_keys, std::int64_t{1});
    const auto key = keys.key("");
    bool is_refused = false;
    try {
        keys.open.wait(key.run(keys.open.db(), std::move(batch), inserted, "task.created"));
    } catch (const std::logic_error&) {
        is_refused = true;
    }
    cr_expect(is_refused);
}

// The oldest keys beyond the limit are forgotten, and those that have expired, a thousand at once.
ON_BOTH(request_key, forgets_the_oldest, Keys, keys) {
    keys.fill("ada", 1200, 25);
    keys.fill("ada", 30, 3);
    keys.fill("ada", 20, 2);
    keys.fill("bob", 60, 25);
    const auto forget = [&] {
        db::Batch batch;
        batch.add(sql::forget_keys, db::named("user_id", "ada"),
                  db::named("most", std::int64_t{40}), db::named("limit", std::int64_t{1000}));
        keys.open.wait(keys.open.db().run(std::move(batch)));
    };
    forget();
    cr_expect_eq(keys.count("user_id = 'ada'"), 250);
    cr_expect_eq(keys.count("user_id = 'ada' AND key = '25-1000'"), 0);
    for (int i = 0; i < 2; ++i) {
        forget();
        cr_expect_eq(keys.count("user_id = 'ada'"), 40);
    }
    cr_expect_eq(keys.count("key IN ('3-11', '2-20')"), 2);
    cr_expect_eq(keys.count("user_id = 'bob'"), 60);
}

// One in 256 requests does so.
ON_BOTH(request_key, are_at_most_ten_thousand, Keys, keys) {
    keys.fill("ada", 10'001, 3);
    int sent = 0;
    do {
        keys.add(keys.key(std::to_string(++sent)), R"(["x"])");
        cr_assert_lt(sent, 10'000);
    } while (keys.count("user_id = 'ada'") > most_keys_of_user);
    cr_expect_eq(keys.count("key = '" + std::to_string(sent) + "'"), 1);
    cr_expect_eq(keys.count("key = '3-1'"), 0);
}

ON_BOTH(request_key, is_pruned_when_it_has_expired, Keys, keys) {
    keys.fill("ada", 1200, 25);
    keys.fill("bob", 10, 24);
    keys.fill("bob", 10, 23);
    const auto prune = [&] {
        db::Batch batch;
        batch.add(sql::prune_request_keys, std::int64_t{1000});
        keys.open.wait(keys.open.db().run(std::move(batch)));
    };
    prune();
    cr_expect_eq(keys.count("true"), 220);
    prune();
    cr_expect_eq(keys.count("true"), 10);
}
