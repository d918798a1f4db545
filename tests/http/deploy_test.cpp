// What an image holds, and the files of deploy/.
#include <unistd.h>

#include <filesystem>
#include <map>
#include <sstream>

#include "tests/support/stack/openapi.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

namespace fs = std::filesystem;

std::string folder_of_test() {
    const auto folder = test_variable("TEST_DIR") + "/deploy_" + std::to_string(getpid());
    fs::create_directory(folder);
    return folder;
}

}  // namespace

// Every setting of a file of deploy/ is one, and the service would start with all of them.
Test(deploy, files_have_their_form_and_valid_settings) {
    const auto checked = run_command(
        {"/usr/bin/env", "node", "tests/deploy_tools/check.js", "deploy", folder_of_test()},
        base_variables());
    cr_assert_eq(checked.status, 0, "%s", checked.errors.c_str());
    std::map<std::string, Variables> settings;
    std::istringstream lines{checked.output};
    for (std::string file, name, value; lines >> file >> name >> value;)
        settings[file][name] = value;
    cr_expect_eq(settings.size(), 5);
    // In place of secrets.
    const Variables examples{{"API_KEYS", "an-api-key-of-some-length"},
                             {"CORS_ORIGINS", "https://app.example.org"},
                             {"DATABASE_URL", "postgresql://steelthread@postgres/steelthread"},
                             {"JWT_SECRET", std::string(32, 'x')}};
    for (auto& [file, variables] : settings) {
        for (auto& [name, value] : variables)
            if (value == "-" || value.starts_with("@/")) value = examples.at(name);
        auto all = base_variables();
        all.merge(Variables{examples});
        for (const auto& [name, value] : variables) all[name] = value;
        const auto config = run_command({built("steelthread"), "config"}, all);
        cr_expect_eq(config.status, 0, "%s: %s", file.c_str(), config.errors.c_str());
        for (const auto& [name, value] : variables)
            cr_expect(("\n" + config.output).find("\n" + name + "=") != std::string::npos,
                      "%s: %s is no setting", file.c_str(), name.c_str());
    }
}

Test(deploy, compose_files_have_their_form) {
    auto variables = base_variables();
    variables["DOMAIN"] = "api.example.org";
    for (const char* file : {"compose.yaml", "deploy/compose.yaml"}) {
        const auto checked = run_command(
            {"/usr/bin/docker-compose", "--file", file, "config", "--quiet"}, variables);
        cr_expect_eq(checked.status, 0, "%s: %s", file, checked.errors.c_str());
    }
}

// What an image with ENDPOINTS="tasks" has.
Test(deploy, some_endpoints_come_with_a_matching_nginx) {
    keep_handlers({"healthz", "tasks"});
    const Stack stack{Engine::sqlite};
    cr_expect_eq(stack.send({.path = "/healthz"}).status, 200);
    cr_expect_eq(stack.send({.path = "/api/v1/tasks"}).status, 401);
    cr_expect_eq(stack.send({.path = "/docs"}).status, 200);
    std::string paths;
    for (const auto& [path, item] : Contract::of("/api/v1").paths()) paths += path + " ";
    EXPECT_TEXT(paths,
                "/healthz /api/v1/{user_id}/tasks /api/{user_id}/tasks /api/tasks /livez "
                "/openapi.json /docs /docs/{file} ");
    std::string tags;
    for (const auto& tag : Contract::of("/api/v1").document()["tags"].GetArray())
        tags += tag["name"].GetString() + std::string{" "};
    EXPECT_TEXT(tags, "tasks service ");
    for (const char* path : {"/", "/api/v1/tasks/1", "/jobs", "/events/tail", "/ws"})
        cr_expect_eq(stack.send({.path = path}).status, 404, "%s", path);
}

Test(deploy, an_endpoint_that_is_none_is_named) {
    const auto make = run_command({"/usr/bin/make", "--dry-run", "build", "ENDPOINTS=tasks tusks"},
                                  base_variables());
    cr_expect_neq(make.status, 0);
    cr_expect(make.errors.find("no endpoint is named tusks: the names are auth_login") !=
                  std::string::npos,
              "%s", make.errors.c_str());
}
