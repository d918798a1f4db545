#include "tests/support/service.hpp"

namespace healthz {

Endpoint endpoint();

ON_BOTH_ENGINES(healthz, is_ok_when_the_database_answers) {
    const auto response = service.send({.target = "/healthz"});
    cr_assert_eq(response.status(), 200);
    EXPECT_TEXT(std::string{response.body()}, R"({"status":"ok"})");
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-store");
}

static void expect_unavailable(const std::string& database_url,
                               const std::vector<std::string>& secrets) {
    Service service{endpoint(), database_url};
    const auto response = service.send({.target = "/healthz"});
    expect_error(response, Error::service_unavailable);
    EXPECT_TEXT(std::string{response.header("Retry-After")}, "1");
    for (const auto& secret : secrets)
        cr_expect_eq(response.body().find(secret), response.body().npos, "%s", secret.c_str());
}

Test(healthz, is_unavailable_without_a_database_on_sqlite) {
    expect_unavailable("sqlite:////nowhere/hunter2.db", {"nowhere", "hunter2"});
}

Test(healthz, is_unavailable_without_a_database_on_postgres) {
    expect_unavailable("postgresql://nobody@127.0.0.1:1/nothing?password=hunter2",
                       {"127.0.0.1", "hunter2"});
}

}  // namespace healthz
