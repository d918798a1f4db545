// The OpenAPI document in the hands of other tools (tests/openapi_tools): two linters, and a client
// that is generated from it and talks to a running service.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/stack/openapi.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

namespace fs = std::filesystem;

std::string tools() { return fs::absolute("tests/openapi_tools").string(); }

// A folder of the test with the document as it is served.
std::string folder_with_document(const Stack& stack) {
    const auto folder = test_variable("TEST_DIR") + "/openapi_" + std::to_string(getpid());
    fs::create_directory(folder);
    std::ofstream{folder + "/openapi.json"} << stack.send({.path = "/openapi.json"}).body;
    return folder;
}

// Runs a program of the npm packages, without any contact to its makers.
Finished run_tool(const std::string& name, std::vector<std::string> words,
                  const std::string& folder) {
    auto variables = base_variables();
    variables["HOME"] = folder;
    variables["REDOCLY_TELEMETRY"] = "off";
    variables["REDOCLY_SUPPRESS_UPDATE_NOTICE"] = "true";
    words.insert(words.begin(), {"/usr/bin/env", "node", tools() + "/node_modules/.bin/" + name});
    return run_command(words, variables);
}

void expect_success(const Finished& finished) {
    cr_expect(finished.status == 0, "%d %s%s", finished.status, finished.output.c_str(),
              finished.errors.c_str());
}

// What journey.ts prints.
constexpr const char* journey = R"(least [1,"",null,"none",[]]
same key [2,true]
members ["2026-12-24T16:00:00.000000Z","high",["Party","shopping"]]
other body [422,"VALIDATION_ERROR","header.Idempotency-Key"]
filter [{"status":"pending"},["Éclairs","Buy milk"]]
filter [{"status":"completed"},[]]
filter [{"due_before":"2026-12-25T00:00:00Z"},["Éclairs"]]
filter [{"due_after":"2026-12-25T00:00:00Z"},[]]
filter [{"priority":"high,urgent"},["Éclairs"]]
filter [{"tag":"party,SHOPPING"},["Éclairs"]]
filter [{"q":"eclair bakery"},["Éclairs"]]
sort ["created_at",["Buy milk","Éclairs"],["Éclairs","Buy milk"]]
sort ["updated_at",["Buy milk","Éclairs"],["Éclairs","Buy milk"]]
sort ["title",["Buy milk","Éclairs"],["Éclairs","Buy milk"]]
sort ["due_date",["Éclairs","Buy milk"],["Éclairs","Buy milk"]]
sort ["priority",["Buy milk","Éclairs"],["Éclairs","Buy milk"]]
pages [["Buy milk","Éclairs"]]
changed [null,"high"]
stale [412,"PRECONDITION_FAILED"]
toggled [true]
replaced ["",["Party","shopping"]]
batch [["Bake bread","none",false],["Éclairs","urgent",false],["Éclairs","urgent",true],null]
refused [404,"RESOURCE_NOT_FOUND","body.operations.1.id"]
untitled [422,"VALIDATION_ERROR","body.title"]
plain [422,"unprocessable_entity","body.title"]
message [1,201,1,"",{"tool_calls":[{"id":"call-1","name":"list_tasks"}]}]
message [2,200,1,"",{"tool_calls":[{"id":"call-1","name":"list_tasks"}]}]
messages ["tool","assistant"]
renamed ["Nothing to do"]
newest ["[]","Nothing."]
conversations ["Nothing to do"]
deleted [204,404,"RESOURCE_NOT_FOUND"]
)";

}  // namespace

Test(openapi_tools, redocly_has_no_complaint) {
    const Stack stack{Engine::sqlite};
    const auto folder = folder_with_document(stack);
    const auto linted = run_tool("redocly",
                                 {"lint", "--config=" + tools() + "/redocly.yaml", "--format=json",
                                  folder + "/openapi.json"},
                                 folder);
    expect_success(linted);
    EXPECT_TEXT(json_member(linted.output, "totals.errors"), "0");
    cr_expect(json_member(linted.output, "totals.warnings") == "0", "%s", linted.output.c_str());
    EXPECT_TEXT(json_member(linted.output, "totals.ignored"), "0");
}

Test(openapi_tools, spectral_has_no_complaint) {
    const Stack stack{Engine::sqlite};
    const auto folder = folder_with_document(stack);
    const auto linted = run_tool("spectral",
                                 {"lint", "--ruleset=" + tools() + "/spectral.yaml",
                                  "--fail-severity=hint", folder + "/openapi.json"},
                                 folder);
    expect_success(linted);
}

// openapi-typescript with its default options; the client is compiled with --strict.
Test(openapi_tools, a_generated_client_compiles_and_works) {
    const Stack stack{Engine::sqlite};
    const auto folder = folder_with_document(stack);
    fs::create_symlink(tools() + "/node_modules", folder + "/node_modules");
    for (const char* file : {"package.json", "tsconfig.json", "journey.ts"})
        fs::copy(tools() + "/" + file, folder);
    expect_success(run_tool("openapi-typescript",
                            {folder + "/openapi.json", "-o", folder + "/schema.d.ts"}, folder));
    expect_success(run_tool("tsc", {"--project", folder}, folder));
    const auto finished = run_command(
        {"/usr/bin/env", "node", folder + "/journey.js", stack.base_url()}, base_variables());
    EXPECT_TEXT(finished.errors, "");
    EXPECT_TEXT(finished.output, journey);
}
