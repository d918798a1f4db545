#include "tests/support/service.hpp"

ON_BOTH_ENGINES(root, says_what_it_is) {
    const auto response = service.send({.target = "/"});
    cr_assert_eq(response.status(), 200);
    const auto body = json_of(response);
    EXPECT_TEXT(member(body, "version"), "2.0.0");
    EXPECT_TEXT(member(body, "docs"), "/docs");
    cr_assert(member(body, "message") != "<absent>");
}

ON_BOTH_ENGINES(root, answers_head_without_a_body) {
    const auto get = service.send({.target = "/"});
    const auto head = service.send({.method = "HEAD", .target = "/"});
    cr_assert_eq(head.status(), 200);
    cr_assert(head.body().empty());
    cr_assert_eq(head.content_length(), get.body().size());
}
