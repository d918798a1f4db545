// `steelthread user`, beside a running service.
#include <algorithm>

#include "tests/support/stack/event_stream.hpp"
#include "tests/support/stack/stack.hpp"
#include "tests/support/web_socket.hpp"

namespace {

constexpr const char* ada = "ada@example.org";

struct Fixture {
    explicit Fixture(Engine engine) : database(engine), stack(database.url()) {}

    Finished user(std::vector<std::string> words, const std::string& input = "") const {
        words.insert(words.begin(), {built("steelthread"), "user"});
        return run_command(words, stack.variables(), input);
    }

    // Runs a command that must succeed and returns its output.
    std::string done(const std::vector<std::string>& words, const std::string& input = "") const {
        const auto finished = user(words, input);
        cr_expect_eq(finished.status, 0, "%s", finished.errors.c_str());
        return finished.output;
    }

    // Runs a command that must fail and returns what it says.
    std::string refused(const std::vector<std::string>& words,
                        const std::string& input = "") const {
        const auto finished = user(words, input);
        cr_expect_eq(finished.status, 1, "%s", finished.output.c_str());
        return finished.errors;
    }

    Reply sign_in(const std::string& password) const {
        return stack.send(
            {.method = "POST",
             .path = "/api/auth/signin",
             .body = R"({"email":"ada@example.org","password":")" + password + R"("})"});
    }

    // As messages name the user with this e-mail address or id.
    std::string label(const std::string& who) const {
        const auto id = database.execute("SELECT id FROM users WHERE email = '" + who + "'");
        return id.empty() ? "the user with the id " + who : who + " (id " + id + ")";
    }

    // Creates the account and returns "Authorization: Bearer …".
    std::string enter() const {
        done({"create", ada}, "correct horse");
        const auto reply = sign_in("correct horse");
        cr_assert_eq(reply.status, 200, "%s", reply.body.c_str());
        return "Authorization: Bearer " + json_member(reply.body, "data.token");
    }

    std::string ticket_of(const std::string& authorization) const {
        const auto reply =
            stack.send({.method = "POST", .path = "/events/ticket", .headers = {authorization}});
        return json_member(reply.body, "ticket");
    }

    long status_of(const std::string& path, const std::string& authorization) const {
        return stack.send({.path = path, .headers = {authorization}}).status;
    }

    TestDatabase database;
    Stack stack;
};

// Fails the test unless this is the stream's last event. On PostgreSQL events from just before the
// stream began may come first, because transactions of other tests have held them back.
void expect_end(EventStream& stream, const std::string& type, const std::string& data) {
    auto event = stream.next();
    while (event && event->type != type) event = stream.next();
    cr_assert(event.has_value());
    EXPECT_TEXT(event->type, type);
    cr_expect_neq(event->data.find(data), std::string::npos, "%s", event->data.c_str());
    cr_expect(stream.ends());
}

// The same for a WebSocket.
void expect_end(WebSocketClient& socket, const std::string& type) {
    auto message = socket.next();
    while (message.find(type) == message.npos && message != "<nothing>") message = socket.next();
    cr_expect_neq(message, "<nothing>");
    cr_expect_eq(socket.close_code(), 1008);
}

}  // namespace

ON_BOTH(user, create_makes_an_account_with_the_given_password, Fixture, users) {
    const auto output =
        users.done({"create", "Ada@Example.org", "--name", " Ada "}, "correct horse\n");
    const auto id = users.database.execute("SELECT id FROM users WHERE email = 'ada@example.org'");
    EXPECT_TEXT(output, "created ada@example.org with the id " + id + "\n");
    const auto reply = users.sign_in("correct horse");
    cr_expect_eq(reply.status, 200);
    EXPECT_TEXT(json_member(reply.body, "data.user.name"), "Ada");
    EXPECT_TEXT(users.refused({"create", ada}, "correct horse"),
                "steelthread: ada@example.org (id " + id + ") is taken\n");
    EXPECT_TEXT(users.refused({"create", "bob@example.org"}, "12345678"),
                "steelthread: password: Value error, this is one of the 10,000 commonest "
                "passwords: choose another one\n");
    cr_expect(users.refused({"create", "bob"}, "short")
                  .starts_with("steelthread: email: value is not a valid email address: "));
    cr_expect_eq(users.user({"create"}).status, 64);
    cr_expect_eq(users.user({"create", ada, "--json"}).status, 64);
    cr_expect_eq(users.user({"remove", ada}).status, 64);
}

ON_BOTH(user, password_is_made_where_none_is_given, Fixture, users) {
    const auto made_by = [&](const std::vector<std::string>& words) {
        const auto output = users.done(words);
        const auto at = output.find("password: ");
        cr_assert_neq(at, output.npos, "%s", output.c_str());
        return output.substr(at + 10, 24);
    };
    const auto first = made_by({"create", ada});
    cr_expect_eq(users.sign_in(first).status, 200);
    const auto second = made_by({"password", ada});
    cr_expect(first != second);
    cr_expect_eq(users.sign_in(first).status, 401);
    cr_expect_eq(users.sign_in(second).status, 200);
    EXPECT_TEXT(users.done({"password", "ADA@example.org"}, "another horse\r\n"),
                "changed the password of " + users.label(ada) + "\n");
    cr_expect_eq(users.sign_in("another horse").status, 200);
    users.database.add_user("foreign");
    EXPECT_TEXT(users.refused({"password", "foreign"}, "another horse"),
                "steelthread: the user with the id foreign has no e-mail address to log in with\n");
    EXPECT_TEXT(users.refused({"password", "nobody"}, "another horse"),
                "steelthread: there is no user with the e-mail or id \"nobody\"\n");
}

ON_BOTH(user, list_shows_all, Fixture, users) {
    users.database.execute("DELETE FROM users");
    users.database.execute(
        "INSERT INTO users (id, email, name, password_hash) VALUES ('a', 'ada@example.org', "
        "'Zoë', 'x')");
    cr_expect_eq(users.stack
                     .send({.method = "POST",
                            .path = "/api/tasks",
                            .body = R"({"title":"x"})",
                            .headers = {users.stack.authorization_of("longer")}})
                     .status,
                 201);
    users.done({"disable", "longer"});
    const auto lines = users.done({"list"});
    const auto created = users.database.execute("SELECT id FROM users ORDER BY created_at LIMIT 1");
    EXPECT_TEXT(created, "a");
    cr_expect(lines.starts_with("ID      E-MAIL           NAME  STATE     CREATED               "
                                "TASKS\na       ada@example.org  Zoë   active    20"),
              "%s", lines.c_str());
    cr_expect_neq(lines.find("\nlonger  -                -     disabled  20"), lines.npos, "%s",
                  lines.c_str());
    cr_expect(lines.ends_with("Z  1\n"));
    const auto array = users.done({"list", "--json"});
    EXPECT_TEXT(json_member(array, "0.email"), ada);
    EXPECT_TEXT(json_member(array, "1.id"), "longer");
    EXPECT_TEXT(json_member(array, "1.tasks"), "1");
    cr_expect_eq(array.find("password_hash"), array.npos);
}

// The token is refused at the next request, and streams end with an event.
ON_BOTH(user, disable_refuses_tokens_and_ends_streams, Fixture, users) {
    const auto own = users.enter();
    const auto foreign = users.stack.authorization_of("foreign");
    cr_expect_eq(users.status_of("/api/tasks", foreign), 200);
    for (const auto& [who, authorization] :
         {std::pair{std::string{ada}, own}, {"foreign", foreign}}) {
        const auto ticket = users.ticket_of(authorization);
        const auto target = "/events/tail?ticket=" + ticket;
        EventStream stream{users.stack.port(), "/events/tail", {authorization}};
        EventStream with_ticket{users.stack.port(), target};
        WebSocketClient socket{users.stack.port(), "/ws", {authorization}};
        EventStream other{
            users.stack.port(), "/events/tail", {users.stack.authorization_of("bob")}};
        cr_expect_neq(socket.next().find("connection"), std::string::npos);

        EXPECT_TEXT(users.done({"disable", who}), "disabled " + users.label(who) + "\n");
        expect_end(stream, "account.disabled", "/account");
        expect_end(with_ticket, "account.disabled", "/account");
        expect_end(socket, "account.disabled");
        for (const char* path : {"/api/tasks", "/events", "/events/tail", "/api/conversations"})
            cr_expect_eq(users.status_of(path, authorization), 401, "%s", path);
        cr_expect_eq(users.stack.send({.path = "/events?ticket=" + ticket}).status, 401);
        cr_expect_eq(users.stack.send({.path = target}).status, 401);
        WebSocketClient refused{users.stack.port(), "/ws?ticket=" + ticket};
        cr_expect_eq(refused.close_code(), 1008);
        cr_expect_eq(users.sign_in("correct horse").status, who == ada ? 401 : 200);
        EXPECT_TEXT(users.done({"disable", who}), "already disabled: " + users.label(who) + "\n");

        EXPECT_TEXT(users.done({"enable", who}), "enabled " + users.label(who) + "\n");
        EXPECT_TEXT(users.done({"enable", who}), "already enabled: " + users.label(who) + "\n");
        cr_expect_eq(users.status_of("/api/tasks", authorization), 200);
        // What happened is history for a stream that begins with it.
        EventStream history{users.stack.port(), "/events/tail?after=0", {authorization}};
        std::optional<StreamEvent> event;
        do event = history.next();
        while (event && event->type != "account.enabled");
        cr_expect(event.has_value());
        cr_expect(!other.has_ended());
    }
    cr_expect_eq(users.sign_in("correct horse").status, 200);
}

ON_BOTH(user, delete_removes_everything_and_ends_streams, Fixture, users) {
    const auto authorization = users.enter();
    const auto send = [&](const std::string& path, const std::string& body) {
        const auto reply = users.stack.send(
            {.method = "POST", .path = path, .body = body, .headers = {authorization}});
        cr_assert_eq(reply.status, 201, "%s", reply.body.c_str());
        return json_member(reply.body, "data.id");
    };
    for (int i = 0; i < 3; ++i) send("/api/tasks", R"({"title":"x"})");
    for (int i = 0; i < 2; ++i) {
        const auto id = send("/api/conversations", "");
        send("/api/conversations/" + id + "/messages", R"({"role":"user","content":"x"})");
    }
    const auto bobs = users.stack.authorization_of("bob");
    users.stack.send(
        {.method = "POST", .path = "/api/tasks", .body = R"({"title":"x"})", .headers = {bobs}});
    EventStream stream{users.stack.port(), "/events/tail", {authorization}};
    WebSocketClient socket{users.stack.port(), "/ws", {authorization}};
    socket.next();

    const auto label = users.label(ada);
    const auto tasks = users.database.execute("SELECT count(*) FROM tasks WHERE user_id <> 'bob'");
    EXPECT_TEXT(users.refused({"delete", ada}),
                "steelthread: this deletes " + label + " with " + tasks +
                    (tasks == "1" ? " task" : " tasks") +
                    " and all conversations: repeat with `user delete --yes`\n");
    cr_expect_eq(users.status_of("/api/tasks", authorization), 200);
    EXPECT_TEXT(users.done({"delete", ada, "--yes"}), "deleted " + label + "\n");
    expect_end(stream, "account.deleted", "/account");
    expect_end(socket, "account.deleted");
    cr_expect_eq(users.status_of("/api/tasks", authorization), 401);
    EXPECT_TEXT(
        users.database.execute("SELECT count(*) FROM users WHERE email = 'ada@example.org'"), "0");
    for (const char* table : {"conversations", "messages", "login_networks"})
        EXPECT_TEXT(users.database.execute(std::string{"SELECT count(*) FROM "} + table), "0");
    EXPECT_TEXT(users.database.execute("SELECT min(user_id) || count(*) FROM tasks"), "bob1");
}

// A user of another issuer may have an id that is the e-mail address of an account.
ON_BOTH(user, a_name_of_two_users_is_refused, Fixture, users) {
    users.done({"create", ada}, "correct horse");
    const auto own = users.label(ada);
    const auto id = users.database.execute("SELECT id FROM users WHERE email = 'ada@example.org'");
    users.database.add_user(ada);
    const auto state_of = [&](const std::string& user) {
        return users.database.execute("SELECT count(disabled_at) FROM users WHERE id = '" + user +
                                      "'");
    };
    for (const char* action : {"password", "disable", "enable", "delete"}) {
        const auto message = users.refused({action, ada}, "another horse");
        cr_expect(
            message.starts_with("steelthread: \"ada@example.org\" is the e-mail address of one "
                                "user and the id of another one:\n"),
            "%s", message.c_str());
        cr_expect_neq(message.find("\n  " + own + "\n"), message.npos, "%s", message.c_str());
        cr_expect_neq(message.find("\n  the user with the id ada@example.org\n"), message.npos);
        cr_expect(
            message.ends_with("\nrepeat the command with --id and the id of the one meant\n"));
    }
    EXPECT_TEXT(users.done({"disable", ada, "--id"}),
                "disabled the user with the id " + std::string{ada} + "\n");
    EXPECT_TEXT(state_of(ada) + state_of(id), "10");
    EXPECT_TEXT(users.done({"disable", "--id", id}), "disabled " + own + "\n");
    EXPECT_TEXT(state_of(ada) + state_of(id), "11");
    users.done({"enable", "--id", id});
    EXPECT_TEXT(users.done({"password", "--id", id}, "another horse"),
                "changed the password of " + own + "\n");
    cr_expect_eq(users.sign_in("another horse").status, 200);
    users.done({"delete", "--yes", "--id", ada});
    EXPECT_TEXT(users.done({"disable", ada}), "disabled " + own + "\n");
    EXPECT_TEXT(users.refused({"disable", "--id", ada}),
                "steelthread: there is no user with the id \"ada@example.org\"\n");
    for (const char* action : {"list", "create"})
        cr_expect_eq(users.user({action, "--id", ada}).status, 64);
    // One user whose id is its own e-mail address.
    users.database.execute(
        "INSERT INTO users (id, email) VALUES ('bob@example.org', 'bob@example.org')");
    EXPECT_TEXT(users.done({"disable", "bob@example.org"}),
                "disabled bob@example.org (id bob@example.org)\n");
}

ON_BOTH(user, a_name_may_begin_with_a_hyphen, Fixture, users) {
    const std::string email = "--json@example.org";
    cr_expect_eq(users.user({"create", email}).status, 64);
    users.done({"create", "--name", "J", "--", email}, "correct horse");
    const auto label = users.label(email);
    cr_expect_eq(users.user({"disable", email}).status, 64);
    EXPECT_TEXT(users.done({"disable", "--", email}), "disabled " + label + "\n");
    EXPECT_TEXT(users.done({"--", "enable", email}), "enabled " + label + "\n");
    for (const char* id : {"--yes", "--"}) {
        users.database.add_user(id);
        EXPECT_TEXT(users.done({"delete", "--yes", "--", id}),
                    "deleted the user with the id " + std::string{id} + "\n");
    }
}

ON_BOTH(user, another_issuers_text_that_is_not_an_address_is_not_stored, Fixture, users) {
    for (const char* email : {"Bob", "bob@localhost", "zo\u00eb@example.org"}) {
        const auto authorization = users.stack.authorization_of(email, email);
        cr_expect_eq(users.status_of("/api/tasks", authorization), 200);
        EXPECT_TEXT(
            users.database.execute("SELECT count(*) || '-' || count(email) FROM users WHERE "
                                   "id = '" +
                                   std::string{email} + "'"),
            "1-0");
    }
    const auto authorization = users.stack.authorization_of("carol", "Carol@example.org");
    cr_expect_eq(users.status_of("/api/tasks", authorization), 200);
    EXPECT_TEXT(users.database.execute("SELECT email FROM users WHERE id = 'carol'"),
                "carol@example.org");
}

// A text of a user must not move the cursor, change colours or reverse what follows.
ON_BOTH(user, what_a_terminal_would_obey_is_replaced, Fixture, users) {
    users.database.execute("DELETE FROM users");
    const std::string id = "a\u202eb\u009b1m";
    users.database.execute("INSERT INTO users (id, email, name) VALUES ('" + id +
                           "', 'c\u2028@d\u200f', 'E\u0085\u2066\u001b[1m')");
    const auto lines = users.done({"list"});
    cr_expect_neq(lines.find("\na?b?1m  c?@d?   E???[1m  active"), lines.npos, "%s", lines.c_str());
    const auto array = users.done({"list", "--json"});
    EXPECT_TEXT(json_member(array, "0.id"), id);
    const std::string label = "c?@d? (id a?b?1m)\n";
    EXPECT_TEXT(users.done({"disable", id}), "disabled " + label);
    EXPECT_TEXT(users.done({"disable", id}), "already disabled: " + label);
    EXPECT_TEXT(users.done({"enable", id}), "enabled " + label);
    EXPECT_TEXT(users.done({"delete", "--yes", id}), "deleted " + label);
    EXPECT_TEXT(users.refused({"delete", id}),
                "steelthread: there is no user with the e-mail or id \"a?b?1m\"\n");
    EXPECT_TEXT(users.refused({"create", ada, "--name", "A\u009bda"}, "correct horse"),
                "steelthread: name: Value error, a name must not contain control characters\n");
}

ON_BOTH(user, texts_that_are_not_utf8_are_refused, Fixture, users) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"create", ada, "--name", "\xff"},
          std::vector<std::string>{"disable", "\xc3"}}) {
        const auto finished = users.user(words, "correct horse");
        cr_expect_eq(finished.status, 64);
        EXPECT_TEXT(finished.errors,
                    "steelthread: user: an argument is not UTF-8\nsee `steelthread help`\n");
    }
    EXPECT_TEXT(users.refused({"create", ada}, "correct \xff horse"),
                "steelthread: the password is not UTF-8\n");
    EXPECT_TEXT(users.refused({"create", ada}, std::string{"correct\0horse", 13}),
                "steelthread: the password contains a NUL\n");
    EXPECT_TEXT(users.refused({"create", ada}, std::string(1024, 'x') + "\n"),
                "steelthread: password: String should have at most 72 bytes of UTF-8\n");
    EXPECT_TEXT(users.refused({"create", ada}, std::string(1025, 'x')),
                "steelthread: the password has more than 1,024 bytes\n");
    // Without an end.
    const auto endless =
        run_command({"/bin/sh", "-c", "exec \"$0\" user create ada@example.org < /dev/zero",
                     built("steelthread")},
                    users.stack.variables(), "");
    EXPECT_TEXT(endless.errors, "steelthread: the password has more than 1,024 bytes\n");
    EXPECT_TEXT(
        users.database.execute("SELECT count(*) FROM users WHERE email = 'ada@example.org'"), "0");
}

// More rows than one transaction deletes, and an earlier attempt that was interrupted.
ON_BOTH(user, delete_takes_many_rows, Fixture, users) {
    users.database.add_user("many");
    users.database.execute("UPDATE users SET disabled_at = created_at WHERE id = 'many'");
    const auto numbers = [&](int count) {
        const auto last = std::to_string(count);
        return users.stack.database_url().starts_with("sqlite")
                   ? " FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
                     "i < " +
                         last + ") SELECT i FROM n) AS n"
                   : " FROM generate_series(1, " + last + ") AS n(i)";
    };
    users.database.execute(
        "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) "
        "SELECT 'many', 'x', '', false, created_at, created_at FROM users, (SELECT i" +
        numbers(2500) + ") AS numbers WHERE id = 'many'");
    users.database.execute(
        "INSERT INTO conversations (user_id, created_at, updated_at) SELECT 'many', created_at, "
        "created_at FROM users WHERE id = 'many'");
    users.database.execute(
        "INSERT INTO messages (conversation_id, user_id, role, content, created_at) SELECT id, "
        "'many', 'user', 'x', created_at FROM conversations, (SELECT i" +
        numbers(2500) + ") AS numbers");
    EXPECT_TEXT(users.done({"delete", "many", "--yes"}), "deleted the user with the id many\n");
    for (const char* table : {"conversations", "messages", "tasks"})
        EXPECT_TEXT(users.database.execute(std::string{"SELECT count(*) FROM "} + table), "0");
    EXPECT_TEXT(users.database.execute("SELECT count(*) FROM users WHERE id = 'many'"), "0");
}
