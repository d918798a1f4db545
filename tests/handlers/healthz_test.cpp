#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/service.hpp"

ON_BOTH_ENGINES(healthz, is_ok_when_the_database_answers) {
    const auto response = service.send({.target = "/healthz"});
    cr_assert_eq(response.status(), 200);
    EXPECT_TEXT(std::string{response.body()}, R"({"status":"ok"})");
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-store");
}

ON_BOTH_ENGINES(healthz, is_unavailable_while_a_migration_is_pending) {
    service.database().execute(
        "DELETE FROM schema_migrations WHERE name = (SELECT max(name) FROM schema_migrations)");
    expect_error(service.send({.target = "/healthz"}), Error::service_unavailable);
    // A migration of a later release is sufficient.
    service.database().execute(
        "INSERT INTO schema_migrations (name, applied_at) VALUES ('9999_later', '')");
    cr_expect_eq(service.send({.target = "/healthz"}).status(), 200);
}

ON_BOTH_ENGINES(healthz, is_unavailable_with_the_functions_of_another_release) {
    service.database().execute(
        "UPDATE schema_migrations SET functions_digest = 'another' "
        "WHERE name = (SELECT max(name) FROM schema_migrations)");
    expect_error(service.send({.target = "/healthz"}), Error::service_unavailable);
    // The functions of a later release are sufficient.
    service.database().execute(
        "INSERT INTO schema_migrations (name, applied_at) VALUES ('9999_later', '')");
    cr_expect_eq(service.send({.target = "/healthz"}).status(), 200);
}

ON_BOTH_ENGINES(healthz, is_unavailable_without_a_schema) {
    service.database().execute("ALTER TABLE schema_migrations RENAME TO gone");
    expect_error(service.send({.target = "/healthz"}), Error::service_unavailable);
    service.database().execute("ALTER TABLE gone RENAME TO schema_migrations");
    cr_expect_eq(service.send({.target = "/healthz"}).status(), 200);
}

Test(healthz, is_unavailable_where_postgres_is_read_only) {
    Service service{endpoint(), Engine::postgres};
    service.database().execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', "
        "current_database()); END $$");
    expect_error(service.send({.target = "/healthz"}), Error::service_unavailable);
}

Test(healthz, is_unavailable_and_makes_no_file_where_sqlite_has_none) {
    Service service{endpoint(), Engine::sqlite};
    const auto path = *service.config().sqlite_path();
    std::filesystem::remove(path);
    expect_error(service.send({.target = "/healthz"}), Error::service_unavailable);
    cr_expect_not(std::filesystem::exists(path));
}

Test(healthz, is_unavailable_where_the_disk_under_sqlite_is_nearly_full) {
    const auto folder = test_variable("TEST_DIR") + "/small_" + std::to_string(getpid());
    std::filesystem::create_directory(folder);
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=3m,mode=0700") != 0)
        cr_skip_test("mounts are not allowed here");
    std::filesystem::copy(test_variable("TEST_DIR") + "/template.db", folder + "/full.db");
    Service service{endpoint(), "sqlite:///" + folder + "/full.db"};
    cr_expect_eq(service.send({.target = "/healthz"}).status(), 200);
    std::ofstream{folder + "/ballast"} << std::string(3 << 20, 'x');
    expect_error(service.send({.target = "/healthz"}), Error::service_unavailable);
    std::filesystem::remove(folder + "/ballast");
    cr_expect_eq(service.send({.target = "/healthz"}).status(), 200);
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
