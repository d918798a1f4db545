#include "tests/support/service.hpp"

ON_BOTH_ENGINES(health, is_healthy_when_the_database_answers) {
    const auto response = service.send({.target = "/health"});
    cr_assert_eq(response.status(), 200);
    EXPECT_TEXT(std::string{response.body()},
                R"({"database":"connected","service":"steelthread","status":"healthy",)"
                R"("version":"2.0.0"})");
}

ON_BOTH_ENGINES(health, is_degraded_while_a_migration_is_pending) {
    service.database().execute(
        "DELETE FROM schema_migrations WHERE name = (SELECT max(name) FROM schema_migrations)");
    EXPECT_TEXT(member(json_of(service.send({.target = "/health"})), "status"), "degraded");
}

static void expect_degraded(const std::string& database_url) {
    Service service{endpoint(), database_url};
    const auto response = service.send({.target = "/health"});
    cr_assert_eq(response.status(), 200);
    const auto body = json_of(response);
    EXPECT_TEXT(member(body, "status"), "degraded");
    EXPECT_TEXT(member(body, "database"), "disconnected");
}

Test(health, is_degraded_and_still_200_without_a_database_on_sqlite) {
    expect_degraded("sqlite:////nowhere/nothing.db");
}

Test(health, is_degraded_and_still_200_without_a_database_on_postgres) {
    expect_degraded("postgresql://nobody@127.0.0.1:1/nothing");
}
