// The service's promises, tested from the outside on both engines.
#include <openssl/sha.h>

#include "shared/text.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

std::string sha256_tag(const std::string& body) {
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(),
           reinterpret_cast<unsigned char*>(digest.data()));
    return '"' + hex(digest) + '"';
}

Call create(const std::string& body, const std::string& authorization = "") {
    Call call{.method = "POST", .path = "/collab/tasks", .body = body};
    if (!authorization.empty()) call.headers.push_back(authorization);
    return call;
}

void expect_status(const Reply& reply, long status) {
    cr_assert(reply.failure.empty() && reply.status == status, "status %ld instead of %ld: %s%s",
              reply.status, status, reply.body.c_str(), reply.failure.c_str());
}

}  // namespace

ON_BOTH(acceptance, healthz_is_exact, Stack, stack) {
    const auto reply = stack.send({.path = "/healthz"});
    expect_status(reply, 200);
    EXPECT_TEXT(reply.body, R"({"status":"ok"})");
    EXPECT_TEXT(reply.header("content-type"), "application/json");
    cr_expect(!reply.header("x-request-id").empty());
}

ON_BOTH(acceptance, a_task_lives_its_life, Stack, stack) {
    const auto authorization = stack.authorization();
    const auto created =
        stack.send(create(R"({"title":" first ","description":"d"})", authorization));
    expect_status(created, 200);
    EXPECT_TEXT(json_member(created.body, "title"), "first");
    EXPECT_TEXT(json_member(created.body, "version"), "1");
    EXPECT_TEXT(created.header("etag"), sha256_tag(created.body));
    const auto path = created.header("location");
    EXPECT_TEXT(path, "/collab/tasks/" + json_member(created.body, "id"));

    const auto read = stack.send({.path = path});
    expect_status(read, 200);
    EXPECT_TEXT(read.body, created.body);
    EXPECT_TEXT(read.header("etag"), created.header("etag"));

    const std::string if_match = "If-Match: " + created.header("etag");
    const Call change{.method = "PATCH", .path = path, .body = R"({"title":"second"})"};
    auto with_tag = change;
    with_tag.headers = {authorization, if_match};
    const auto changed = stack.send(with_tag);
    expect_status(changed, 200);
    EXPECT_TEXT(json_member(changed.body, "version"), "2");
    EXPECT_TEXT(changed.header("etag"), sha256_tag(changed.body));
    expect_error(stack.send(with_tag), Error::precondition_failed);
    auto without_tag = change;
    without_tag.headers = {authorization};
    expect_error(stack.send(without_tag), Error::precondition_required);

    Call removal{.method = "DELETE", .path = path, .headers = {authorization, if_match}};
    expect_error(stack.send(removal), Error::precondition_failed);
    removal.headers = {authorization, "If-Match: " + changed.header("etag")};
    const auto removed = stack.send(removal);
    expect_status(removed, 204);
    EXPECT_TEXT(removed.body, "");
    expect_error(stack.send({.path = path}), Error::not_found);
    expect_error(stack.send(removal), Error::not_found);
}

ON_BOTH(acceptance, the_board_is_public_and_cacheable, Stack, stack) {
    const auto authorization = stack.authorization();
    const auto empty = stack.send({.path = "/collab/state/tasks"});
    EXPECT_TEXT(empty.body, R"({"items":[],"kind":"tasks"})");
    const auto created = stack.send(create(R"({"title":"on the board"})", authorization));
    const auto board = stack.send({.path = "/collab/state/tasks"});
    expect_status(board, 200);
    EXPECT_TEXT(board.body, R"({"items":[)" + created.body + R"(],"kind":"tasks"})");
    EXPECT_TEXT(board.header("etag"), sha256_tag(board.body));
    cr_expect(board.header("etag") != empty.header("etag"));

    for (const char* method : {"GET", "HEAD"}) {
        const auto unchanged = stack.send({.method = method,
                                           .path = "/collab/state/tasks",
                                           .headers = {"If-None-Match: " + board.header("etag")}});
        expect_status(unchanged, 304);
        EXPECT_TEXT(unchanged.body, "");
        EXPECT_TEXT(unchanged.header("etag"), board.header("etag"));
        const auto changed = stack.send({.method = method,
                                         .path = "/collab/state/tasks",
                                         .headers = {"If-None-Match: " + empty.header("etag")}});
        expect_status(changed, 200);
        EXPECT_TEXT(changed.header("etag"), board.header("etag"));
    }
}

ON_BOTH(acceptance, refusals_are_structured, Stack, stack) {
    const auto authorization = stack.authorization();
    const auto anonymous = stack.send(create(R"({"title":"x"})"));
    expect_error(anonymous, Error::auth_required);
    EXPECT_TEXT(anonymous.header("www-authenticate"), "Bearer");
    const auto forged = stack.send(create(R"({"title":"x"})", "Authorization: Bearer x.y.z"));
    expect_error(forged, Error::invalid_token);
    EXPECT_TEXT(forged.header("www-authenticate"), R"(Bearer error="invalid_token")");

    const auto blank = stack.send(create(R"({"title":"  "})", authorization));
    expect_error(blank, Error::validation_error);
    cr_expect(blank.body.find(R"("loc":["body","title"])") != std::string::npos, "%s",
              blank.body.c_str());

    const auto wrong =
        stack.send({.method = "POST",
                    .path = "/auth/login",
                    .body = R"({"email":"dev@example.org","password":"wrong horse battery"})"});
    expect_error(wrong, Error::invalid_credentials);
    EXPECT_TEXT(stack.send({.path = "/collab/state/tasks"}).body, R"({"items":[],"kind":"tasks"})");
}

ON_BOTH(acceptance, a_task_survives_a_restart, Stack, stack) {
    std::string etag;
    const auto path = stack.create_task("kept", &etag);
    const auto board = stack.send({.path = "/collab/state/tasks"});
    const auto authorization = stack.authorization();
    cr_assert_eq(stack.stop(), 0, "%s", stack.log().c_str());
    cr_expect(!stack.send({.path = "/livez"}).failure.empty(), "something still serves");

    stack.start();
    EXPECT_TEXT(stack.send({.path = path}).header("etag"), etag);
    EXPECT_TEXT(stack.send({.path = "/collab/state/tasks"}).body, board.body);
    // A token remains valid after the process that issued it has ended.
    expect_status(stack.send(create(R"({"title":"another"})", authorization)), 200);
}
