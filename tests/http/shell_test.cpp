// Handlers and the command line tool as users of a shell see them.
#include <rapidjson/document.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "shared/config/setting.hpp"
#include "shared/exit_status.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

namespace fs = std::filesystem;

std::string test_folder() {
    return test_variable("TEST_DIR") + "/shell_" + std::to_string(getpid());
}

Variables variables_for(const TestDatabase& database) {
    return service_variables(database.url(), test_folder());
}

Finished steelthread(const std::vector<std::string>& words, const Variables& variables) {
    auto all = words;
    all.insert(all.begin(), built("steelthread"));
    return run_command(all, variables);
}

// Returns a handler's response as plain CGI. Its exit status must be 0.
Reply answer_of(const std::string& handler, Variables variables, const Variables& request,
                const std::string& body = "") {
    for (const auto& [name, value] : request) variables[name] = value;
    const auto finished = run_command({built("handlers/" + handler)}, variables, body);
    cr_assert(finished.status == 0, "%d %s", finished.status, finished.errors.c_str());
    cr_assert(finished.output.starts_with("Status: "), "%s", finished.output.c_str());
    return parse_reply("HTTP/1.1 " + finished.output.substr(8));
}

Variables posting(const std::string& path) {
    return {
        {"REQUEST_METHOD", "POST"}, {"REQUEST_URI", path}, {"CONTENT_TYPE", "application/json"}};
}

std::string login_body() {
    return std::string{R"({"email":")"} + Stack::email + R"(","password":")" + Stack::password +
           R"("})";
}

constexpr const char* account_stays =
    "account dev@example.org already exists; its password is unchanged\n";

// Counts the lines of `text` that start with `start`.
int lines_with(const std::string& text, const std::string& start) {
    int count = text.starts_with(start) ? 1 : 0;
    for (auto at = text.find("\n" + start); at != text.npos; at = text.find("\n" + start, at + 1))
        ++count;
    return count;
}

int pending(const std::string& status) {
    int count = 0;
    for (auto at = status.find("  pending\n"); at != status.npos;
         at = status.find("  pending\n", at + 1))
        ++count;
    return count;
}

}  // namespace

static void answer_as_cgi(Engine engine) {
    const TestDatabase database{engine};
    const auto variables = variables_for(database);
    cr_assert_eq(steelthread({"migrate", "up"}, variables).status, 0);
    const auto ready =
        answer_of("healthz", variables, {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/healthz"}});
    cr_expect_eq(ready.status, 200);
    EXPECT_TEXT(ready.body, R"({"status":"ok"})");

    const auto login = answer_of("auth_login", variables, posting("/auth/login"), login_body());
    cr_assert_eq(login.status, 200, "%s", login.body.c_str());
    auto create = posting("/collab/tasks");
    create["HTTP_AUTHORIZATION"] = "Bearer " + json_member(login.body, "access_token");
    const auto created =
        answer_of("collab_tasks", variables, create, R"({"title":"from a shell"})");
    cr_assert_eq(created.status, 200, "%s", created.body.c_str());
    const auto path = created.header("location");
    const auto read =
        answer_of("collab_task", variables, {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", path}});
    EXPECT_TEXT(read.body, created.body);
    EXPECT_TEXT(read.header("etag"), created.header("etag"));
    const auto unchanged = answer_of("collab_task", variables,
                                     {{"REQUEST_METHOD", "GET"},
                                      {"REQUEST_URI", path},
                                      {"HTTP_IF_NONE_MATCH", created.header("etag")}});
    cr_expect_eq(unchanged.status, 304);
}

Test(shell, handlers_answer_as_cgi_on_sqlite) { answer_as_cgi(Engine::sqlite); }
Test(shell, handlers_answer_as_cgi_on_postgres) { answer_as_cgi(Engine::postgres); }

Test(shell, a_body_ends_where_its_length_says) {
    const TestDatabase database{Engine::sqlite};
    const auto variables = variables_for(database);
    cr_assert_eq(steelthread({"migrate", "up"}, variables).status, 0);
    const auto status_with = [&](const char* length, const std::string& body) {
        auto request = posting("/auth/login");
        if (length) request["CONTENT_LENGTH"] = length;
        return answer_of("auth_login", variables, request, body).status;
    };
    const auto body = login_body();
    const auto length = std::to_string(body.size());
    cr_expect_eq(status_with(length.c_str(), body), 200);
    cr_expect_eq(status_with(length.c_str(), body + "and more"), 200);
    cr_expect_eq(status_with(nullptr, body + "and more"), 422);
    cr_expect_eq(status_with("5", body), 422);
    cr_expect_eq(status_with("0", body), 422);
    const std::string blanks(65'536 - body.size(), ' ');
    cr_expect_eq(status_with(nullptr, body + blanks), 200);
    cr_expect_eq(status_with("65536", body + blanks), 200);
    cr_expect_eq(status_with(nullptr, body + blanks + " "), 413);
    cr_expect_eq(status_with("65537", body + blanks + " "), 413);
    cr_expect_eq(status_with(nullptr, std::string(1'000'000, ' ')), 413);
}

Test(shell, cgi_errors_are_structured_and_end_with_status_0) {
    auto variables = variables_for(TestDatabase{Engine::sqlite});
    const Variables get = {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/nothing"}};
    expect_error(answer_of("healthz", variables, get), Error::not_found);
    expect_error(answer_of("healthz", variables, posting("/healthz")), Error::method_not_allowed);
    variables["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none";
    expect_error(
        answer_of("healthz", variables, {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/healthz"}}),
        Error::service_unavailable);
}

Test(shell, a_running_handler_is_driven_by_cgi_fcgi) {
    const Stack stack{Engine::sqlite};
    auto variables = base_variables();
    variables["REQUEST_METHOD"] = "GET";
    variables["REQUEST_URI"] = "/healthz";
    variables["SCRIPT_FILENAME"] = "healthz";
    const auto finished = run_command(
        {"/usr/bin/cgi-fcgi", "-bind", "-connect", stack.run_dir() + "/sockets/healthz.sock"},
        variables);
    cr_expect_eq(finished.status, 0, "%s", finished.errors.c_str());
    const auto reply = parse_reply("HTTP/1.1 " + finished.output.substr(8));
    cr_expect_eq(reply.status, 200, "%s", finished.output.c_str());
    EXPECT_TEXT(reply.body, R"({"status":"ok"})");
}

Test(shell, handlers_describe_themselves) {
    const auto routes = read_text("nginx/routes.conf");
    for (const auto& name : all_handlers()) {
        const auto finished =
            run_command({built("handlers/" + name), "--describe"}, base_variables());
        cr_expect_eq(finished.status, 0);
        auto path = json_member(finished.output, "path");
        cr_assert(path.starts_with('/'), "%s: %s", name.c_str(), finished.output.c_str());
        // nginx offers the personal API at API_PREFIX.
        if (path.starts_with("/api/v1/")) path.replace(0, 7, "${API_PREFIX}");
        const auto brace = path.find("/{");
        const auto location =
            brace == path.npos ? "= " + path + " " : "\"^" + path.substr(0, brace) + "/[^/";
        cr_assert(routes.find(location) != routes.npos, "no location for %s", path.c_str());
        const bool is_websocket =
            json_member(finished.output, "operations.0.answer.status") == "101";
        const auto passed =
            is_websocket ? " proxy_pass http://steelthread_" : " fastcgi_pass steelthread_";
        cr_expect(routes.find(passed + name + "; }\n") != routes.npos, "%s", name.c_str());
    }
}

Test(shell, secrets_are_masked) {
    auto variables = service_variables("postgresql://user:s3cr3t@db/x", test_folder());
    variables["JWT_SECRET"] = "s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t s3cr3t";
    variables["JWT_SECRET_PREVIOUS"] = variables["JWT_SECRET"];
    variables["NEON_DB_URL"] = "postgresql://user:s3cr3t@db/y";
    variables["DEV_USER_PASSWORD"] = "s3cr3t s3cr3t";
    const auto all = steelthread({"config"}, variables);
    const auto of_endpoint =
        run_command({built("handlers/auth_login"), "--dump-config"}, variables);
    for (const auto* dumped : {&all, &of_endpoint}) {
        cr_expect_eq(dumped->status, 0);
        cr_expect_eq(dumped->output.find("s3cr3t"), std::string::npos, "%s",
                     dumped->output.c_str());
        for (const char* line :
             {"DATABASE_URL=postgresql://********@db/x", "JWT_SECRET=********", "BCRYPT_COST=4"})
            cr_expect_eq(lines_with(dumped->output, line), 1, "%s", line);
    }
    for (const char* line : {"DEV_USER_EMAIL=dev@example.org", "PORT=8000", "API_KEYS="}) {
        cr_expect_eq(lines_with(all.output, line), 1, "%s", line);
        cr_expect_eq(lines_with(of_endpoint.output, line), 0, "%s", line);
    }
}

Test(shell, handlers_know_their_options) {
    const auto root = [](std::vector<std::string> words) {
        words.insert(words.begin(), built("handlers/root"));
        return run_command(words, base_variables());
    };
    const auto alone = root({});
    cr_expect_eq(alone.status, exit_usage);
    EXPECT_TEXT(alone.output, "");
    cr_expect(alone.errors.starts_with("root answers /\n"), "%s", alone.errors.c_str());
    for (const char* option : {"--help", "-h"}) {
        const auto help = root({option});
        cr_expect_eq(help.status, 0);
        EXPECT_TEXT(help.output, alone.errors);
        EXPECT_TEXT(help.errors, "");
    }
    const std::pair<std::vector<std::string>, const char*> cases[] = {
        {{"--nothing"}, "unknown option \"--nothing\""},
        {{"nothing"}, "unexpected argument \"nothing\""},
        {{"--listen"}, "--listen needs unix:/path or address:port, not \"\""},
        {{"--listen", "unix:/x", "y"}, "unexpected argument \"y\""},
        {{"--describe", "x"}, "unexpected argument \"x\""}};
    for (const auto& [words, message] : cases) {
        const auto refused = root(words);
        cr_expect_eq(refused.status, exit_usage);
        EXPECT_TEXT(refused.output, "");
        EXPECT_TEXT(refused.errors, std::string{"root: "} + message + "\nsee `root --help`\n");
    }
}

Test(shell, every_fault_of_a_configuration_is_told_at_once) {
    auto variables = service_variables("mysql://x", test_folder());
    variables["PORT"] = "99999";
    variables["BCRYPT_COST"] = "three";
    variables["LOG_LEVEL"] = "loud";
    variables["WORKERS_ROOT"] = "0";
    variables["HOST"] = "here";
    variables["DEV_USER_PASSWORD"] = "short";
    const auto expect_faults = [&](const char* program, const char* argument,
                                   std::initializer_list<const char*> names) {
        const auto finished = run_command({built(program), argument}, variables);
        cr_expect_eq(finished.status, exit_config);
        for (const char* name : names)
            cr_expect_eq(lines_with(finished.errors, std::string{name} + " must "), 1, "%s: %s",
                         name, finished.errors.c_str());
        cr_expect_eq(std::count(finished.errors.begin(), finished.errors.end(), '\n'),
                     std::ssize(names), "%s", finished.errors.c_str());
    };
    expect_faults("steelthread", "run",
                  {"BCRYPT_COST", "DATABASE_URL", "DEV_USER_PASSWORD", "HOST", "LOG_LEVEL", "PORT",
                   "WORKERS_ROOT"});
    // A handler checks only its own settings.
    expect_faults("handlers/root", "--dump-config", {"DATABASE_URL", "LOG_LEVEL"});
    expect_faults("handlers/auth_login", "--dump-config",
                  {"BCRYPT_COST", "DATABASE_URL", "HOST", "LOG_LEVEL"});
}

Test(shell, production_refuses_what_is_for_development) {
    const TestDatabase database{Engine::sqlite};
    auto variables = variables_for(database);
    variables["ENVIRONMENT"] = "production";
    variables["JWT_SECRET"] = "short";
    variables["DEMO_MODE"] = "on";
    auto finished = steelthread({"migrate", "up"}, variables);
    cr_expect_eq(finished.status, exit_config);
    EXPECT_TEXT(finished.errors,
                "JWT_SECRET must have at least 32 bytes in production\n"
                "DEMO_MODE must be off in production: it lets anyone write without a token\n"
                "BCRYPT_COST must be at least 10 in production\n"
                "DEV_USER_EMAIL is refused in production\n");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM users"), "0");
    variables["JWT_SECRET"] = "";
    variables["DEMO_MODE"] = "off";
    variables["BCRYPT_COST"] = "10";
    variables["DEV_USER_EMAIL"] = "";
    finished = steelthread({"run"}, variables);
    cr_expect_eq(finished.status, exit_config);
    EXPECT_TEXT(finished.errors,
                "JWT_SECRET is required in production: make one with `openssl rand -hex 32`\n");
}

Test(shell, processes_get_no_more_settings_than_they_need) {
    // nginx overwrites its environment with its process title, so a script in its place records the
    // variables.
    const auto folder = test_folder();
    fs::create_directories(folder);
    const auto nginx = folder + "/nginx";
    std::ofstream{nginx} << "#!/bin/sh\nenv > \"$0.env\"\nPATH=$PATH:/usr/sbin\n"
                            "PATH=${PATH#*:} exec nginx \"$@\"\n";
    fs::permissions(nginx, fs::perms::owner_all);
    const auto path = folder + ":" + base_variables().at("PATH");
    Variables more{{"PATH", path}, {"WORKERS_ROOT", "1"}, {"PRESTART", "on"}};
    for (const char* name : {"BETTER_AUTH_SECRET", "JWKS_URL", "JWT_SECRET_PREVIOUS", "NEON_DB_URL",
                             "REDIS_URL", "TRUSTED_PROXIES"})
        more[name] = "";  // passed on, but the same as not set
    const Stack stack{Engine::sqlite, more};
    const auto kept = "\n" + read_text(nginx + ".env");
    cr_expect_neq(kept.find("\nPATH=" + path + "\n"), kept.npos, "%s", kept.c_str());
    for (const auto& setting : settings())
        cr_expect_eq(kept.find("\n" + std::string{setting.name} + "="), kept.npos, "%s",
                     kept.c_str());
    const auto secrets_of = [&](const std::string& handler) {
        const auto pid = stack.processes(handler).at(0);
        const auto environment = '\0' + read_text("/proc/" + std::to_string(pid) + "/environ");
        const auto has = [&](std::string_view name) {
            return environment.find('\0' + std::string{name} + "=") != environment.npos;
        };
        cr_expect(has("PATH") && !has("WORKERS_ROOT") && has("GLIBC_TUNABLES"));
        std::string names;
        for (const auto& setting : settings()) {
            if (setting.group == SettingGroup::service) cr_expect_not(has(setting.name));
            if (setting.is_secret && has(setting.name)) names.append(setting.name).append(" ");
        }
        return names;
    };
    EXPECT_TEXT(secrets_of("root"), "DATABASE_URL NEON_DB_URL ");
    EXPECT_TEXT(secrets_of("job_lease"), "API_KEYS DATABASE_URL NEON_DB_URL REDIS_URL ");
    EXPECT_TEXT(secrets_of("tasks"),
                "BETTER_AUTH_SECRET DATABASE_URL JWKS_URL JWT_SECRET JWT_SECRET_PREVIOUS "
                "NEON_DB_URL REDIS_URL ");
    EXPECT_TEXT(secrets_of("auth_signup"), "DATABASE_URL NEON_DB_URL REDIS_URL ");
    EXPECT_TEXT(secrets_of("auth_login"),
                "BETTER_AUTH_SECRET DATABASE_URL JWKS_URL JWT_SECRET JWT_SECRET_PREVIOUS "
                "NEON_DB_URL REDIS_URL ");
}

static void migrate_there_and_back(Engine engine) {
    const TestDatabase database{engine};
    const auto variables = variables_for(database);
    const auto run = [&](const char* direction) {
        std::vector<std::string> words{"migrate", direction};
        if (words.back() == "down") words.emplace_back("--yes");
        const auto finished = steelthread(words, variables);
        cr_assert(finished.status == 0, "%s: %s", direction, finished.errors.c_str());
        return finished.output;
    };
    cr_expect(run("status").ends_with("\nfunctions  up to date\n"));
    std::vector<std::string> names;
    std::istringstream lines{run("status")};
    for (std::string line; std::getline(lines, line);)
        names.push_back(line.substr(0, line.find(' ')));
    names.pop_back();
    const int all = static_cast<int>(names.size());
    cr_expect_gt(all, 2);
    for (int left = all - 1; left >= 0; --left) {
        EXPECT_TEXT(run("down"), "undone " + names[static_cast<std::size_t>(left)] + "\n");
        cr_expect_eq(pending(run("status")), all - left + 1);  // including the functions
    }
    EXPECT_TEXT(run("down"), "nothing to undo\n");
    const auto leftover = engine == Engine::sqlite
                              ? "SELECT count(*) FROM sqlite_schema WHERE type IN ('table', "
                                "'trigger', 'view') AND name NOT LIKE 'sqlite_%'"
                              : "SELECT count(*) FROM pg_class WHERE relnamespace = "
                                "'public'::regnamespace AND relkind IN ('r', 'S', 'v')";
    EXPECT_TEXT(database.execute(leftover), "1");  // schema_migrations itself
    if (engine == Engine::postgres)
        EXPECT_TEXT(database.execute("SELECT count(*) FROM pg_proc WHERE pronamespace = "
                                     "'public'::regnamespace"),
                    "0");

    const auto applied = run("up");
    cr_expect_eq(lines_with(applied, "applied 00"), all);
    cr_expect_eq(lines_with(applied, "account dev@example.org"), 1);
    EXPECT_TEXT(run("up"), std::string{account_stays} + "nothing to apply\n");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM users"), "1");
    cr_expect_eq(pending(run("status")), 0);
}

Test(shell, migrations_go_there_and_back_on_sqlite) { migrate_there_and_back(Engine::sqlite); }
Test(shell, migrations_go_there_and_back_on_postgres) { migrate_there_and_back(Engine::postgres); }

static void migrate_at_once(Engine engine) {
    const TestDatabase database{engine};
    const auto variables = variables_for(database);
    int count = 0;
    while (steelthread({"migrate", "down", "--yes"}, variables).output != "nothing to undo\n")
        ++count;
    // At first even the table of migrations is missing.
    database.execute("DROP TABLE schema_migrations");
    Finished finished[8];
    std::vector<std::thread> runners;
    for (auto& one : finished)
        runners.emplace_back([&] { one = steelthread({"migrate", "up"}, variables); });
    for (auto& runner : runners) runner.join();
    int applied = 0;
    for (const auto& one : finished) {
        cr_expect(one.status == 0, "%s", one.errors.c_str());
        applied += lines_with(one.output, "applied ");
    }
    cr_expect_eq(applied, count);
    EXPECT_TEXT(database.execute("SELECT count(*) FROM users"), "1");
}

Test(shell, runners_of_migrations_do_not_race_on_sqlite) { migrate_at_once(Engine::sqlite); }
Test(shell, runners_of_migrations_do_not_race_on_postgres) { migrate_at_once(Engine::postgres); }

Test(shell, a_failed_migration_changes_nothing) {
    const TestDatabase database{Engine::sqlite};
    const auto variables = variables_for(database);
    std::string undone;
    do {
        undone = steelthread({"migrate", "down", "--yes"}, variables).output;
        cr_assert(undone.starts_with("undone "), "%s", undone.c_str());
    } while (undone != "undone 0008_restorable\n");
    const auto due = pending(steelthread({"migrate", "status"}, variables).output);
    // The table breaks that migration after it has already made changes.
    database.execute("CREATE TABLE events_pruned_before (id text)");
    const auto finished = steelthread({"migrate", "up"}, variables);
    cr_expect_eq(finished.status, 1);
    cr_expect(finished.errors.find("events_pruned_before") != std::string::npos, "%s",
              finished.errors.c_str());
    cr_expect_eq(pending(steelthread({"migrate", "status"}, variables).output), due);
    EXPECT_TEXT(
        database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'events_removed'"), "1");
    database.execute("DROP TABLE events_pruned_before");
    cr_expect_eq(steelthread({"migrate", "up"}, variables).status, 0);
}

Test(shell, a_database_that_is_away_is_an_error_for_migrations) {
    auto variables = service_variables("postgresql://x@127.0.0.1:1/x", test_folder());
    const auto start = std::chrono::steady_clock::now();
    const auto finished = steelthread({"migrate", "up"}, variables);
    cr_expect_eq(finished.status, 1);
    cr_expect(finished.errors.find("Connection refused") != std::string::npos);
    cr_expect_lt((std::chrono::steady_clock::now() - start).count(), 8'000'000'000);
}

Test(shell, the_account_of_developers_is_made_once) {
    const TestDatabase database{Engine::sqlite};
    auto variables = variables_for(database);
    variables["DEV_USER_EMAIL"] = "Dev@Example.ORG";
    EXPECT_TEXT(steelthread({"migrate", "up"}, variables).output, "account dev@example.org\n");
    const auto hash = database.execute("SELECT password_hash FROM users");
    cr_expect(hash.starts_with("$2b$04$"), "%s", hash.c_str());
    variables["DEV_USER_PASSWORD"] = "another password";
    EXPECT_TEXT(steelthread({"migrate", "up"}, variables).output,
                std::string{account_stays} + "nothing to apply\n");
    EXPECT_TEXT(database.execute("SELECT password_hash FROM users"), hash);
    variables["DEV_USER_EMAIL"] = "new@example.org";
    variables["DEV_USER_PASSWORD"] = "short";
    const auto refused = steelthread({"migrate", "up"}, variables);
    cr_expect_eq(refused.status, exit_config);
    EXPECT_TEXT(refused.errors, "DEV_USER_PASSWORD must have 8 to 72 bytes\n");
}

Test(shell, generated_files_are_up_to_date) {
    const auto checked = run_command(
        {fs::absolute("cli/generate"), test_variable("TEST_BUILD"), "--check"}, base_variables());
    cr_expect_eq(checked.status, 0, "%s", checked.errors.c_str());
}

// Runs `env` with a `.env` of this text.
static Finished environment_with(const std::string& dotenv, const Variables& variables) {
    const auto folder = test_folder();
    fs::create_directories(folder);
    std::ofstream{folder + "/.env"} << dotenv;
    return run_command(
        {"/bin/sh", "-c", "cd \"$1\" && exec \"$2\" env", "sh", folder, fs::absolute("cli/dotenv")},
        variables);
}

Test(shell, dotenv_fills_in_what_is_not_set) {
    auto variables = base_variables();
    variables["PORT"] = "2";
    const auto finished = environment_with(
        "\xef\xbb\xbfPORT=1\n# a comment\n\n \t\n  # another\nHOST=$(reboot) "
        "'x'\nLOG_LEVEL=info\r\n"
        "API_PREFIX=\nJWT_SECRET='a b'\nLOG_LEVEL=\"debug\"\nPORT=3\nWORKERS_ROOT=2\nPGHOST=h\n"
        "COMPOSE_PROFILES=redis\nAPI_KEYS=a=b",
        variables);
    cr_expect_eq(finished.status, 0, "%s", finished.errors.c_str());
    EXPECT_TEXT(finished.errors, "");
    for (const char* line : {"PORT=2\n", "HOST=$(reboot) 'x'\n", "LOG_LEVEL=debug\n",
                             "API_PREFIX=\n", "JWT_SECRET=a b\n", "WORKERS_ROOT=2\n", "PGHOST=h\n",
                             "COMPOSE_PROFILES=redis\n", "API_KEYS=a=b\n"})
        cr_expect_eq(lines_with(finished.output, line), 1, "%s%s", line, finished.output.c_str());
}

// A setting that is dropped silently could be the one that protects the service.
Test(shell, dotenv_drops_nothing_silently) {
    const auto refused = environment_with(
        "PORT=1\nENVIRONMENT = production\nexport JWT_SECRET=s3cr3t\n PORT=2\nPORT= 3\nPROT=4\n"
        "A-B=5\nport=6\nnothing\n=7\nAPI_KEYS=key # worker\nJWT_SECRET=\"abc\n",
        base_variables());
    cr_expect_eq(refused.status, exit_config);
    EXPECT_TEXT(refused.output, "");
    EXPECT_TEXT(refused.errors,
                ".env:2: write NAME=value without spaces: \"ENVIRONMENT =…\"\n"
                ".env:3: write NAME=value without export: \"export JWT_SECRET=…\"\n"
                ".env:4: write NAME=value without spaces: \" PORT=…\"\n"
                ".env:5: write NAME=value without spaces: \"PORT= …\"\n"
                ".env:6: \"PROT\" is not a setting: see .env.example\n"
                ".env:7: \"A-B\" is not a setting: see .env.example\n"
                ".env:8: \"port\" is not a setting: see .env.example\n"
                ".env:9: write NAME=value\n"
                ".env:10: \"\" is not a setting: see .env.example\n"
                ".env:11: \"API_KEYS\": no comment after a value; quote a value with #\n"
                ".env:12: \"JWT_SECRET\": the quote is not closed\n");
    std::string all;
    for (const auto& setting : settings()) all.append(setting.name).append("=x\n");
    const auto known = environment_with(all, base_variables());
    cr_expect_eq(known.status, 0, "%s", known.errors.c_str());
}
