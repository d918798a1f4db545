// Limits on login attempts and on writes, as clients of the whole service see them.
#include <signal.h>

#include <algorithm>

#include "tests/support/redis.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

constexpr const char* endpoints[] = {"/auth/login", "/api/auth/signin", "/api/auth/signup"};

Call attempt(const std::string& path, const std::string& email,
             const std::string& forwarded_for = "") {
    Call call{.method = "POST",
              .path = path,
              .body = R"({"email":")" + email + R"(","password":"correct horse"})"};
    if (!forwarded_for.empty()) call.headers = {"X-Forwarded-For: " + forwarded_for};
    return call;
}

std::string someone(int number) { return "someone" + std::to_string(number) + "@example.org"; }
std::string somewhere(int number) { return "192.0.2." + std::to_string(number); }

Variables limited(const Variables& more = {}) {
    Variables variables{{"LOGIN_RATE_LIMIT", "10/hour"}};
    variables.insert(more.begin(), more.end());
    return variables;
}

void expect_passed(const Reply& reply, int remaining) {
    constexpr long statuses[] = {200, 201, 401, 409};
    cr_assert(std::count(std::begin(statuses), std::end(statuses), reply.status) == 1, "%ld %s",
              reply.status, reply.body.c_str());
    EXPECT_TEXT(reply.header("ratelimit-policy"), R"("default";q=10;w=3600)");
    EXPECT_TEXT(reply.header("x-ratelimit-limit"), "10");
    EXPECT_TEXT(reply.header("x-ratelimit-remaining"), std::to_string(remaining));
    cr_expect(reply.header("ratelimit").starts_with("\"default\";r=" + std::to_string(remaining)));
    EXPECT_TEXT(reply.header("retry-after"), "");
}

void expect_limited(const Reply& reply) {
    cr_assert_eq(reply.status, 429, "%ld %s", reply.status, reply.body.c_str());
    EXPECT_TEXT(reply.header("ratelimit-policy"), R"("default";q=10;w=3600)");
    cr_expect(reply.header("ratelimit").starts_with(R"("default";r=0;t=3)"));
    EXPECT_TEXT(reply.header("x-ratelimit-remaining"), "0");
    const int wait = std::atoi(reply.header("retry-after").c_str());
    cr_expect(wait > 240 && wait <= 360, "%d", wait);
    const bool is_api = reply.body.find("\"success\"") != std::string::npos;
    EXPECT_TEXT(json_member(reply.body, is_api ? "error.code" : "type"),
                is_api ? "RATE_LIMITED" : "rate_limited");
    EXPECT_TEXT(json_member(reply.body, is_api ? "error.request_id" : "request_id"),
                reply.header("x-request-id"));
}

}  // namespace

// There are two processes for each of the three endpoints. They share one limit, which survives a
// killed process.
Test(limits, all_processes_and_endpoints_count_together) {
    const Stack stack{Engine::sqlite,
                      limited({{"PRESTART", "on"}, {"TRUSTED_PROXIES", "127.0.0.1"}})};
    for (const char* name : {"auth_login", "auth_signin", "auth_signup"})
        cr_expect_eq(stack.processes(name).size(), 2u, "%s", name);
    for (int i = 0; i < 10; ++i) {
        expect_passed(stack.send(attempt(endpoints[i % 3], someone(i), somewhere(1))), 9 - i);
        if (i != 5) continue;
        const auto before = stack.processes("auth_signin");
        for (const pid_t pid : before) kill(pid, SIGKILL);
        wait_until("they are replaced", [&] {
            const auto now = stack.processes("auth_signin");
            return now.size() == 2 && now[0] > before[1];
        });
    }
    for (int i = 0; i < 6; ++i)
        expect_limited(stack.send(attempt(endpoints[i % 3], someone(20 + i), somewhere(1))));
    expect_passed(stack.send(attempt("/auth/login", "bob@example.org", somewhere(30))), 9);
}

Test(limits, strangers_do_not_keep_the_owner_from_logging_in) {
    const Stack stack{Engine::postgres, limited({{"TRUSTED_PROXIES", "127.0.0.1"}})};
    const auto guess = [&](int i) {
        return stack.send(attempt(i % 2 == 0 ? "/auth/login" : "/api/auth/signin",
                                  "ada@example.org", somewhere(i)));
    };
    cr_expect_eq(stack.send(attempt("/api/auth/signup", "ada@example.org", "192.0.2.200")).status,
                 201);
    auto wrong = attempt("/auth/login", "ada@example.org");
    wrong.body = R"({"email":"ada@example.org","password":"wrong horse"})";
    for (int i = 0; i < 10; ++i) {
        wrong.headers = {"X-Forwarded-For: " + somewhere(i)};
        cr_expect_eq(stack.send(wrong).status, 401);
    }
    for (int i = 10; i < 14; ++i) cr_expect_eq(guess(i).status, 429);
    expect_passed(stack.send(attempt("/auth/login", "ada@example.org", "192.0.2.200")), 8);
}

Test(limits, an_address_has_its_own_limit_and_cannot_say_that_it_is_another) {
    const Stack stack{Engine::sqlite, limited()};
    for (int i = 0; i < 10; ++i)
        expect_passed(stack.send(attempt(endpoints[i % 3], someone(i), somewhere(i))), 9 - i);
    for (int i = 10; i < 13; ++i)
        expect_limited(stack.send(attempt(endpoints[i % 3], someone(i), somewhere(i))));
    // Requests that are not attempts continue to work.
    cr_expect_eq(stack.send({.path = "/healthz"}).status, 200);
    const Call no_attempt{.method = "POST", .path = "/auth/login", .body = "{}"};
    expect_error(stack.send(no_attempt), Error::validation_error);
}

Test(limits, a_trusted_proxy_says_whose_address_it_is) {
    const Stack stack{Engine::sqlite, limited({{"TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8"}})};
    for (int i = 0; i < 10; ++i)
        expect_passed(stack.send(attempt("/auth/login", someone(i), "192.0.2.1")), 9 - i);
    expect_limited(stack.send(attempt("/auth/login", someone(10), "192.0.2.1")));
    // The addresses that the client itself put in front are ignored.
    expect_limited(stack.send(attempt("/auth/login", someone(11), "192.0.2.7, 192.0.2.1")));
    expect_limited(stack.send(attempt("/auth/login", someone(12), "192.0.2.1, 10.0.0.9")));
    expect_passed(stack.send(attempt("/auth/login", someone(13), "192.0.2.1, 192.0.2.2")), 9);
    expect_passed(stack.send(attempt("/auth/login", someone(14), "2001:db8::1")), 9);
    expect_passed(stack.send(attempt("/auth/login", someone(15), "2001:db8::2")), 8);
}

Test(limits, a_service_starts_with_new_ones_whatever_lies_there) {
    Stack stack{Engine::sqlite, limited()};
    for (int i = 0; i < 10; ++i) stack.send(attempt("/auth/login", "ada@example.org"));
    expect_limited(stack.send(attempt("/auth/login", "ada@example.org")));
    cr_assert_eq(stack.stop(), 0);
    stack.start();
    expect_passed(stack.send(attempt("/auth/login", "ada@example.org")), 9);
}

Test(limits, services_that_share_a_redis_count_together) {
    const RedisServer redis{"secret"};
    const auto variables = limited({{"REDIS_URL", redis.url()}});
    const Stack one{Engine::sqlite, variables};
    const Stack other{Engine::postgres, variables};
    for (int i = 0; i < 10; ++i)
        expect_passed((i % 2 == 0 ? one : other).send(attempt(endpoints[i % 3], "ada@example.org")),
                      9 - i);
    for (const auto* stack : {&one, &other}) {
        expect_limited(stack->send(attempt("/auth/login", "ada@example.org")));
        EXPECT_TEXT(read_text(stack->run_dir() + "/rate_limits"), "");
        cr_expect_eq(stack->log().find("secret"), std::string::npos);
    }
}

Test(limits, a_redis_that_is_gone_limits_nobody) {
    RedisServer redis{"secret"};
    const Stack stack{Engine::sqlite, limited({{"REDIS_URL", redis.url()}})};
    for (int i = 0; i < 10; ++i) stack.send(attempt("/auth/login", "ada@example.org"));
    expect_limited(stack.send(attempt("/auth/login", "ada@example.org")));
    redis.kill();
    for (int i = 0; i < 20; ++i)
        expect_passed(stack.send(attempt("/auth/login", Stack::email)), 10);
    cr_expect(stack.authorization().starts_with("Authorization: Bearer "));
    cr_expect_neq(stack.log().find("rate limiting is off"), std::string::npos);
    cr_expect_eq(stack.log().find("secret"), std::string::npos);
    // Redis has lost all data, but the limits are counted again.
    redis.start();
    wait_until("limits are counted",
               [&] { return stack.send(attempt("/auth/login", "ada@example.org")).status == 429; });
}

// As plain CGI, a process ends after one response.
Test(limits, a_call_from_the_shell_is_counted_in_redis) {
    const RedisServer redis;
    const TestDatabase database{Engine::sqlite};
    auto variables = service_variables(database.url(), test_variable("TEST_DIR"));
    const std::string body = R"({"email":"ada@example.org","password":"correct horse"})";
    for (const auto& [name, value] : Variables{{"LOGIN_RATE_LIMIT", "2/hour"},
                                               {"REDIS_URL", redis.url()},
                                               {"REQUEST_METHOD", "POST"},
                                               {"REQUEST_URI", "/auth/login"},
                                               {"CONTENT_TYPE", "application/json"},
                                               {"CONTENT_LENGTH", std::to_string(body.size())}})
        variables[name] = value;
    for (const char* status : {"401", "401", "429"}) {
        const auto answered = run_command({built("handlers/auth_login")}, variables, body);
        cr_expect_eq(answered.status, 0);
        EXPECT_TEXT(answered.output.substr(0, 11), std::string{"Status: "} + status);
    }
    EXPECT_TEXT(redis.run({"EXISTS", "steelthread:limit:failures:email:ada@example.org"}), "1");
}

// --- USER_RATE_LIMIT

namespace {

// One write of each kind, and what an accepted one answers.
const struct {
    const char* path;
    const char* body;
    long status;
} kinds_of_writes[] = {
    {"/api/tasks", R"({"title":"x"})", 201},
    {"/collab/tasks", R"({"title":"x"})", 200},
    {"/api/conversations", "{}", 201},
    {"/events", R"({"event":"x","target":"y"})", 200},
    {"/events/ticket", "", 200},
};

Reply write(const Stack& stack, int kind, const std::string& user) {
    const auto& [path, body, status] = kinds_of_writes[kind];
    return stack.send(
        {.method = "POST", .path = path, .body = body, .headers = {stack.authorization_of(user)}});
}

void expect_writes_are_counted(const Stack& stack, const Stack& other) {
    constexpr int kinds = std::size(kinds_of_writes);
    for (int i = 0; i < 10; ++i) {
        const auto reply = write(i % 2 == 0 ? stack : other, i % kinds, "ann");
        cr_assert_eq(reply.status, kinds_of_writes[i % kinds].status, "%s", reply.body.c_str());
        EXPECT_TEXT(reply.header("x-ratelimit-remaining"), std::to_string(9 - i));
    }
    for (int i = 0; i < kinds; ++i) {
        expect_limited(write(i % 2 == 0 ? stack : other, i, "ann"));
        cr_expect_eq(write(stack, i, "bob").status, kinds_of_writes[i].status);
    }
    cr_expect_eq(
        stack.send({.path = "/api/tasks", .headers = {stack.authorization_of("ann")}}).status, 200);
}

}  // namespace

Test(limits, writes_of_a_user_count_together_over_endpoints_and_processes) {
    const Stack stack{Engine::sqlite,
                      {{"USER_RATE_LIMIT", "10/hour"}, {"WORKERS_COLLAB_TASKS", "2"}}};
    expect_writes_are_counted(stack, stack);
}

Test(limits, writes_of_a_user_count_together_in_redis) {
    const RedisServer redis;
    const Variables variables{{"USER_RATE_LIMIT", "10/hour"}, {"REDIS_URL", redis.url()}};
    const Stack one{Engine::sqlite, variables};
    const Stack other{Engine::postgres, variables};
    expect_writes_are_counted(one, other);
    EXPECT_TEXT(redis.run({"EXISTS", "steelthread:limit:writes of user:ann"}), "1");
}
