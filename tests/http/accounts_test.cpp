// Accounts: deleting them, and addresses that other users claim.
#include "tests/support/signer.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

const std::string credentials = R"({"email":"ada@example.org","password":"correct horse battery"})";

struct Fixture {
    explicit Fixture(Engine engine) : database(engine), stack(database.url()) {}

    Reply sign_up() const {
        return stack.send({.method = "POST", .path = "/api/auth/signup", .body = credentials});
    }

    // Returns the user's id and "Authorization: Bearer …".
    std::pair<std::string, std::string> sign_in() const {
        const auto reply =
            stack.send({.method = "POST", .path = "/api/auth/signin", .body = credentials});
        cr_assert_eq(reply.status, 200, "%s", reply.body.c_str());
        return {json_member(reply.body, "data.user.id"),
                "Authorization: Bearer " + json_member(reply.body, "data.token")};
    }

    std::string count(const std::string& what) const {
        return database.execute("SELECT count(*) FROM " + what);
    }

    TestDatabase database;
    Stack stack;
};

void expect_refused(const Reply& reply) {
    cr_expect_eq(reply.status, 401, "%ld %s", reply.status, reply.body.c_str());
    EXPECT_TEXT(reply.header("www-authenticate"), R"(Bearer error="invalid_token")");
}

// Every operation that takes a token, with `{}` for the user's id.
constexpr struct {
    const char* method;
    const char* path;
    const char* body;
} operations[] = {
    {"GET", "/api/v1/{}/tasks", ""},
    {"POST", "/api/v1/{}/tasks", R"({"title":"x"})"},
    {"GET", "/api/{}/tasks", ""},
    {"GET", "/api/tasks", ""},
    {"POST", "/api/tasks", R"({"title":"x"})"},
    {"GET", "/api/v1/{}/tasks/1", ""},
    {"PUT", "/api/v1/{}/tasks/1", R"({"title":"y","description":"","completed":false})"},
    {"PATCH", "/api/v1/{}/tasks/1", R"({"title":"x"})"},
    {"DELETE", "/api/v1/{}/tasks/1", ""},
    {"PATCH", "/api/v1/{}/tasks/1/complete", ""},
    {"GET", "/api/v1/{}/conversations", ""},
    {"POST", "/api/v1/{}/conversations", ""},
    {"GET", "/api/v1/{}/conversations/1", ""},
    {"DELETE", "/api/v1/{}/conversations/1", ""},
    {"GET", "/api/v1/{}/conversations/1/messages", ""},
    {"POST", "/api/v1/{}/conversations/1/messages", R"({"role":"user","content":"x"})"},
    {"POST", "/collab/tasks", R"({"title":"x"})"},
    {"PATCH", "/collab/tasks/11111111-2222-4333-8444-555555555555", R"({"title":"x"})"},
    {"DELETE", "/collab/tasks/11111111-2222-4333-8444-555555555555", ""},
    {"POST", "/events", R"({"event":"x","target":"/x"})"},
    {"GET", "/events", ""},
    {"GET", "/events/tail", ""},
    {"POST", "/events/ticket", ""},
};

}  // namespace

ON_BOTH(accounts, stay_gone_when_they_are_deleted, Fixture, accounts) {
    cr_assert_eq(accounts.sign_up().status, 201);
    const auto [user_id, authorization] = accounts.sign_in();
    const auto call_all = [&, &id = user_id, &token = authorization](auto check) {
        for (const auto& [method, path, body] : operations) {
            std::string target = path;
            if (const auto at = target.find("{}"); at != target.npos) target.replace(at, 2, id);
            check(accounts.stack.send({.method = method,
                                       .path = target,
                                       .body = body,
                                       .headers = {token, "If-Match: *"}}));
        }
    };
    // Every process has served the account.
    call_all([](const Reply& reply) {
        cr_expect(reply.status < 500 && reply.status != 401, "%ld %s", reply.status,
                  reply.body.c_str());
    });
    for (const auto* table : {"tasks", "conversations", "collab_tasks", "events"})
        accounts.database.execute(std::string{"DELETE FROM "} + table);
    accounts.database.execute("DELETE FROM users WHERE email = 'ada@example.org'");
    call_all(expect_refused);
    EXPECT_TEXT(accounts.count("users WHERE id = '" + user_id + "'"), "0");
    for (const auto* table : {"tasks", "conversations", "collab_tasks"})
        EXPECT_TEXT(accounts.count(table), "0");
    EXPECT_TEXT(accounts.count("events WHERE type LIKE 'note.%'"), "0");

    cr_expect_eq(accounts.sign_up().status, 201);
    const auto [new_id, new_authorization] = accounts.sign_in();
    cr_expect(new_id != user_id);
    cr_expect_eq(accounts.stack.send({.path = "/api/tasks", .headers = {new_authorization}}).status,
                 200);
    expect_refused(accounts.stack.send({.path = "/api/tasks", .headers = {authorization}}));
}

ON_BOTH(accounts, are_not_kept_from_the_owner_of_an_address, Fixture, accounts) {
    const auto look = [&](const std::string& user, const std::string& is_verified) {
        const auto token =
            foreign_token(user, R"(,"email":"Ada@Example.org","emailVerified":)" + is_verified);
        return accounts.stack.send(
            {.path = "/api/tasks", .headers = {"Authorization: Bearer " + token}});
    };
    cr_expect_eq(look("eve", "false").status, 200);
    EXPECT_TEXT(accounts.count("users WHERE id = 'eve' AND email IS NULL"), "1");
    cr_expect_eq(accounts.sign_up().status, 201);

    accounts.database.execute("DELETE FROM users WHERE email = 'ada@example.org'");
    cr_expect_eq(look("ada", "true").status, 200);
    EXPECT_TEXT(accounts.count("users WHERE id = 'ada' AND email = 'ada@example.org'"), "1");
    cr_expect_eq(accounts.sign_up().status, 409);
}

// The migration cannot know which of the stored addresses had been verified.
ON_BOTH(accounts, get_back_the_addresses_that_others_named, Fixture, accounts) {
    cr_assert_eq(accounts.stack.stop(), 0);
    std::string undone;
    do {
        undone = accounts.stack.command({"migrate", "down", "--yes"}).output;
        cr_assert(undone.starts_with("undone "), "%s", undone.c_str());
    } while (undone != "undone 0009_verified_emails\n");
    accounts.database.execute(
        "INSERT INTO users (id, email, password_hash) VALUES ('eve', 'ada@example.org', NULL), "
        "('bob', 'bob@example.org', 'hash'), ('nobody', NULL, NULL)");
    accounts.stack.start();
    EXPECT_TEXT(accounts.count("users WHERE id = 'eve' AND email IS NULL"), "1");
    EXPECT_TEXT(accounts.count("users WHERE id = 'bob' AND email = 'bob@example.org'"), "1");
    cr_expect_eq(accounts.sign_up().status, 201);
}
