#include "tests/support/service.hpp"

ON_BOTH_ENGINES(healthz, is_ok_when_the_database_answers) {
    const auto response = service.send({.target = "/healthz"});
    cr_assert_eq(response.status(), 200);
    EXPECT_TEXT(std::string{response.body()}, R"({"status":"ok"})");
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-store");
}

Test(healthz, is_unavailable_without_a_database) {
    Service service{"postgresql://nobody@127.0.0.1:1/nothing?password=hunter2"};
    const auto response = service.send({.target = "/healthz"});
    expect_error(response, Error::service_unavailable);
    EXPECT_TEXT(std::string{response.header("Retry-After")}, "1");
    cr_assert_eq(response.body().find("hunter2"), response.body().npos);
    cr_assert_eq(response.body().find("127.0.0.1"), response.body().npos);
}
