#include "shared/accounts/users.hpp"

#include "sql/health.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

namespace {

constexpr Query nonsense{"nonsense", "SELECT nothing FROM nowhere", "SELECT nothing FROM nowhere",
                         true};

constexpr std::string_view number_parameter[] = {"number"};
constexpr Query number{"number", "SELECT $1::bigint AS number", "SELECT $1 AS number", true,
                       number_parameter};

struct Number {
    std::int64_t number = 0;
    static consteval auto fields() { return std::tuple{json::field("number", &Number::number)}; }
};

// Passes batches on and records how many statements each had.
class Counting final : public Database {
public:
    explicit Counting(Database& database) : database_(database) {}

    Async<db::Results> run(db::Batch batch) override {
        counts.push_back(batch.statements().size());
        return database_.run(std::move(batch));
    }
    void close() override { database_.close(); }

    std::vector<std::size_t> counts;

private:
    Database& database_;
};

db::Batch one(const Query& query) {
    db::Batch batch;
    batch.add(query);
    return batch;
}

// A database of its own, and the users that one process knows.
struct Fixture {
    explicit Fixture(Engine engine) : database(engine), open(database.url()), counting(open.db()) {}

    // Runs a request of this user and returns the SQLSTATE that it fails with.
    std::string request(const Identity& user, const Query& query = sql::ping) {
        UserDatabase db{counting, known, user};
        return open.sqlstate_of(db.run(one(query)));
    }

    std::string emails() {
        return database.execute(
            "SELECT coalesce(min(CASE WHEN id = 'a' THEN email END), '-') || "
            "' ' || coalesce(min(CASE WHEN id = 'b' THEN email END), '-') || "
            "' ' || count(*) FROM users");
    }

    TestDatabase database;
    OpenDatabase open;
    Counting counting;
    KnownUsers known;
};

}  // namespace

ON_BOTH(users, get_a_row_with_their_first_request, Fixture, users) {
    EXPECT_TEXT(users.request({"a", "A@Example.ORG"}), "");
    EXPECT_TEXT(users.emails(), "a@example.org - 1");
    EXPECT_TEXT(users.request({"b", ""}), "");
    EXPECT_TEXT(users.emails(), "a@example.org - 2");
}

ON_BOTH(users, are_added_once_and_checked_each_time, Fixture, users) {
    const Identity user{"a", ""};
    for (int i = 0; i < 3; ++i) users.request(user);
    cr_assert(users.counting.counts == (std::vector<std::size_t>{3, 2, 2}));
}

// The statement that adds the row or checks the account does not shift the results of the others.
ON_BOTH(users, leave_the_results_to_their_slots, Fixture, users) {
    users.database.add_user("b");
    const Identity foreign{"a", ""};
    Identity with_account{"b", ""};
    with_account.needs_account = true;
    for (const auto& user : {foreign, foreign, with_account}) {
        UserDatabase db{users.counting, users.known, user};
        db::Batch batch;
        const auto one = batch.add<Number>(number, std::int64_t{1});
        const auto two = batch.add<Number>(number, std::int64_t{2});
        const auto results = users.open.wait(db.run(std::move(batch)));
        cr_expect_eq(results.one(one).number, 1);
        cr_expect_eq(results.one(two).number, 2);
    }
    cr_assert(users.counting.counts == (std::vector<std::size_t>{4, 3, 3}));
}

ON_BOTH(users, are_not_known_by_a_request_that_failed, Fixture, users) {
    const Identity user{"a", ""};
    cr_expect(!users.request(user, nonsense).empty());
    EXPECT_TEXT(users.emails(), "- - 0");
    cr_expect_not(users.known.contains("a"));
    users.request(user);
    EXPECT_TEXT(users.emails(), "- - 1");
}

ON_BOTH(users, keep_the_row_that_they_have, Fixture, users) {
    users.database.execute("INSERT INTO users (id, email) VALUES ('a', 'old@example.org')");
    EXPECT_TEXT(users.request({"a", "new@example.org"}), "");
    EXPECT_TEXT(users.emails(), "old@example.org - 1");
}

ON_BOTH(users, do_without_an_address_that_another_has, Fixture, users) {
    EXPECT_TEXT(users.request({"a", "x@example.org"}), "");
    EXPECT_TEXT(users.request({"b", "X@example.org"}), "");
    EXPECT_TEXT(users.emails(), "x@example.org - 2");
}

// Several processes see the same new user at once.
ON_BOTH(users, get_one_row_from_racing_requests, Fixture, users) {
    const Identity user{"a", "x@example.org"};
    std::vector<std::unique_ptr<KnownUsers>> processes;
    std::vector<std::unique_ptr<UserDatabase>> databases;
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 8; ++i) {
        processes.push_back(std::make_unique<KnownUsers>());
        databases.push_back(
            std::make_unique<UserDatabase>(users.counting, *processes.back(), user));
        batches.push_back(databases.back()->run(one(sql::ping)));
    }
    for (const auto& state : users.open.wait_for_all(std::move(batches))) EXPECT_TEXT(state, "");
    EXPECT_TEXT(users.emails(), "x@example.org - 1");
}

namespace {

Identity account(const std::string& id) {
    Identity user{id, ""};
    user.needs_account = true;
    return user;
}

// Returns "done", or the error that a request of this user fails with.
std::string outcome(Fixture& users, const Identity& user, const Query& query) {
    UserDatabase db{users.counting, users.known, user};
    try {
        EXPECT_TEXT(users.open.sqlstate_of(db.run(one(query))), "");
    } catch (const ApiError& error) {
        return std::string{entry(error.error()).name};
    }
    return "done";
}

constexpr Query add_user{"add_user", "INSERT INTO users (id) VALUES ('new')",
                         "INSERT INTO users (id) VALUES ('new')", false};

}  // namespace

ON_BOTH(users, with_an_account_are_checked_each_time, Fixture, users) {
    users.database.add_user("a");
    for (int i = 0; i < 2; ++i) EXPECT_TEXT(outcome(users, account("a"), sql::ping), "done");
    users.database.execute("DELETE FROM users");
    // This also holds for a user who is known from another issuer.
    users.known.add("a");
    EXPECT_TEXT(outcome(users, account("a"), sql::ping), "invalid_token");
    cr_assert(users.counting.counts == (std::vector<std::size_t>{2, 2, 2}));
    EXPECT_TEXT(users.emails(), "- - 0");
}

ON_BOTH(users, whose_account_is_gone_write_nothing, Fixture, users) {
    EXPECT_TEXT(outcome(users, account("a"), add_user), "invalid_token");
    EXPECT_TEXT(users.emails(), "- - 0");
    users.database.add_user("a");
    EXPECT_TEXT(outcome(users, account("a"), add_user), "done");
    EXPECT_TEXT(users.emails(), "- - 2");
}

// The user is checked once per request, with or without other statements.
ON_BOTH(users, are_checked_where_nothing_else_is_asked, Fixture, users) {
    users.database.add_user("a");
    for (const auto& user : {account("a"), Identity{"b", ""}}) {
        users.counting.counts.clear();
        UserDatabase asking{users.counting, users.known, user};
        const auto check = [&](UserDatabase& db) -> Async<db::Results> {
            co_await db.check_user();
            co_return db::Results{};
        };
        EXPECT_TEXT(users.open.sqlstate_of(check(asking)), "");
        EXPECT_TEXT(users.open.sqlstate_of(check(asking)), "");
        EXPECT_TEXT(users.open.sqlstate_of(asking.run(one(sql::ping))), "");
        cr_assert(users.counting.counts == (std::vector<std::size_t>{1, 2}));
    }
    // That check alone adds no row.
    EXPECT_TEXT(users.emails(), "- - 1");
}

ON_BOTH(users, who_are_disabled_are_refused_whoever_issued_the_token, Fixture, users) {
    const auto disable = [&](const char* moment) {
        users.database.execute(std::string{"UPDATE users SET disabled_at = "} + moment);
    };
    users.database.add_user("a");
    const Identity foreign{"b", ""};
    for (const auto& user : {account("a"), foreign}) {
        disable("NULL");
        EXPECT_TEXT(outcome(users, user, sql::ping), "done");
        disable("created_at");
        EXPECT_TEXT(outcome(users, user, sql::ping), "invalid_token");
        EXPECT_TEXT(outcome(users, user, add_user), "invalid_token");
        disable("NULL");
        EXPECT_TEXT(outcome(users, user, sql::ping), "done");
    }
    // Also where the process does not know the user, and where no row is needed.
    disable("created_at");
    KnownUsers nobody;
    for (const bool needs_row : {true, false}) {
        UserDatabase db{users.counting, nobody, foreign, needs_row};
        try {
            users.open.sqlstate_of(db.run(one(sql::ping)));
            cr_expect(false);
        } catch (const ApiError& error) {
            cr_expect(error.error() == Error::invalid_token);
        }
    }
    EXPECT_TEXT(users.emails(), "- - 2");
}

ON_BOTH(users, who_only_read_get_no_row_where_none_is_needed, Fixture, users) {
    const Identity foreign{"b", ""};
    UserDatabase db{users.counting, users.known, foreign, false};
    EXPECT_TEXT(users.open.sqlstate_of(db.run(one(sql::ping))), "");
    EXPECT_TEXT(users.emails(), "- - 0");
}

Test(users, are_forgotten_all_at_once_when_there_are_too_many) {
    KnownUsers known;
    for (int i = 0; i < 10'000; ++i) known.add(std::to_string(i));
    cr_expect(known.contains("0") && known.contains("9999"));
    known.add("one more");
    cr_expect(known.contains("one more"));
    cr_expect_not(known.contains("0"));
}

Test(users, are_forgotten_one_by_one) {
    KnownUsers known;
    known.add("a");
    known.add("b");
    known.forget("a");
    cr_expect_not(known.contains("a"));
    cr_expect(known.contains("b"));
}
