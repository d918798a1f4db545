// API_PREFIX: where nginx offers the personal API, and no other place.
#include "tests/support/stack/stack.hpp"

Test(prefix, moves_the_personal_api) {
    Stack stack{Engine::sqlite, {{"API_PREFIX", "/people/v2"}}};
    const auto authorization = stack.authorization_of("a b");
    const auto send = [&](const std::string& method, const std::string& path,
                          const std::string& body = "") {
        return stack.send(
            {.method = method, .path = path, .body = body, .headers = {authorization}});
    };
    const auto made = send("POST", "/people/v2/a%20b/tasks?x=1", R"({"title":"x"})");
    cr_assert_eq(made.status, 201, "%s", made.body.c_str());
    const auto location = made.header("location");
    EXPECT_TEXT(location, "/people/v2/a%20b/tasks/1");
    const auto read = send("GET", location);
    cr_assert_eq(read.status, 200, "%s", read.body.c_str());
    EXPECT_TEXT(read.header("etag"), made.header("etag"));
    cr_expect_eq(send("PATCH", location + "/complete").status, 200);

    const auto conversation = send("POST", "/people/v2/a%20b/conversations").header("location");
    EXPECT_TEXT(conversation, "/people/v2/a%20b/conversations/1");
    const auto said = send("POST", conversation + "/messages", R"({"role":"user","content":"x"})");
    cr_expect_eq(said.status, 201, "%s", said.body.c_str());
    EXPECT_TEXT(
        json_member(send("GET", conversation + "/messages?last=1").body, "pagination.total"), "1");

    // The mounts for other clients stay at their paths, and their Location names the new path.
    for (const char* path : {"/api/a%20b/tasks", "/api/tasks"})
        EXPECT_TEXT(json_member(send("GET", path).body, "pagination.total"), "1");
    EXPECT_TEXT(send("POST", "/api/tasks", R"({"title":"y"})").header("location"),
                "/people/v2/a%20b/tasks/2");

    for (const char* path : {"/api/v1/a%20b/tasks", "/api/v1/a%20b/conversations", "/people/v2/x",
                             "/people/v2/a%20b/tasks/1/2"}) {
        const auto reply = send("GET", path);
        cr_expect_eq(reply.status, 404, "%s: %ld", path, reply.status);
        EXPECT_TEXT(json_member(reply.body, "error.code"), "RESOURCE_NOT_FOUND");
    }
    const auto refused = send("POST", "/people/v2/a%20b/tasks", "{");
    cr_expect_eq(refused.status, 422);
    EXPECT_TEXT(json_member(refused.body, "error.code"), "VALIDATION_ERROR");
    EXPECT_TEXT(json_member(send("GET", "/people/v2/other/tasks").body, "error.code"), "FORBIDDEN");
    const auto too_large = send("POST", "/people/v2/a%20b/tasks", std::string(70'000, ' '));
    cr_expect_eq(too_large.status, 413);
    EXPECT_TEXT(json_member(too_large.body, "error.code"), "PAYLOAD_TOO_LARGE");
}
