#include "tests/support/service.hpp"

ON_BOTH_ENGINES(root, says_what_it_is) {
    const auto response = service.send({.target = "/"});
    cr_assert_eq(response.status(), 200);
    const auto body = json_of(response);
    cr_assert_str_eq(member(body, "version").c_str(), "2.0.0");
    cr_assert_str_eq(member(body, "docs").c_str(), "/docs");
    cr_assert_str_neq(member(body, "message").c_str(), "<absent>");
}

ON_BOTH_ENGINES(root, answers_head_without_a_body) {
    const auto get = service.send({.target = "/"});
    const auto head = service.send({.method = "HEAD", .target = "/"});
    cr_assert_eq(head.status(), 200);
    cr_assert(head.body().empty());
    cr_assert_eq(head.content_length(), get.body().size());
}
