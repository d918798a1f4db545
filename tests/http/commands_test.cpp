// The commands of `steelthread` for developers and operators.
#include <libpq-fe.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <sstream>

#include "shared/exit_status.hpp"
#include "tests/support/redis.hpp"
#include "tests/support/stack/cluster.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

Variables variables_for(const std::string& url) {
    auto variables =
        service_variables(url, test_variable("TEST_DIR") + "/commands_" + std::to_string(getpid()));
    variables["PORT"] = std::to_string(free_port());
    return variables;
}

Finished steelthread(std::vector<std::string> words, const Variables& variables) {
    words.insert(words.begin(), built("steelthread"));
    return run_command(words, variables);
}

// Fails the test unless the doctor reports this fault, on a line of its own.
void expect_fault(const Variables& variables, const std::string& fault) {
    const auto finished = steelthread({"doctor"}, variables);
    cr_expect_eq(finished.status, 1, "%s", finished.output.c_str());
    cr_expect_neq(("\n" + finished.output).find("\nFAULT  " + fault), std::string::npos, "%s in %s",
                  fault.c_str(), finished.output.c_str());
}

void seed_once(Engine engine) {
    const TestDatabase database{engine};
    auto variables = variables_for(database.url());
    variables["DEV_USER_EMAIL"] = "";
    EXPECT_TEXT(steelthread({"seed"}, variables).output,
                "added 3 tasks to the board\nadded 5 tasks for demo-user\n"
                "added a conversation for demo-user\n");
    EXPECT_TEXT(steelthread({"seed"}, variables).output, "nothing to add\n");
    EXPECT_TEXT(steelthread({"seed", "--user=O'Brien"}, variables).output,
                "added 5 tasks for O'Brien\nadded a conversation for O'Brien\n");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM tasks WHERE user_id = 'O''Brien'"), "5");
    static constexpr const char* of_each_user[] = {
        "due_date < created_at",
        "due_date IS NOT NULL AND priority = 2",  // today
        "due_date > created_at AND priority = 3",
        "due_date IS NULL AND completed",
        "tags = '[\"health\",\"by phone\"]'",
        "folded_text LIKE '%cafe zoe%' AND description LIKE '%Café%'",
    };
    for (const auto* condition : of_each_user)
        EXPECT_TEXT(database.execute(std::string{"SELECT count(*) FROM tasks WHERE "} + condition),
                    "2");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM messages"), "10");
    EXPECT_TEXT(database.execute("SELECT count(DISTINCT role) FROM messages"), "4");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM messages WHERE metadata <> 'null'"), "6");
    EXPECT_TEXT(database.execute("SELECT DISTINCT title FROM conversations"), "Plans for today");
}

// There are 2,500 events that are ten days old, with an hour-old one among them, and three more of
// the last hour.
void prune_all_old(Engine engine) {
    const TestDatabase database{engine};
    const auto variables = variables_for(database.url());
    const std::string insert =
        "INSERT INTO events (type, audience, subject, data, created_at) SELECT 't', 'public', 's', "
        "'{}', ";
    const bool is_sqlite = engine == Engine::sqlite;
    const auto add = [&](int hours, int count) {
        const auto from_one_to = [&](const std::string& last) {
            return is_sqlite
                       ? " FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                         "WHERE i < " +
                             last + ") SELECT i FROM n)"
                       : " FROM generate_series(1, " + last + ")";
        };
        const auto age = std::to_string(hours);
        database.execute(insert +
                         (is_sqlite ? "(unixepoch() - " + age + " * 3600) * 1000000"
                                    : "now() - interval '" + age + " hours'") +
                         from_one_to(std::to_string(count)));
    };
    add(240, 1200);
    add(1, 1);
    add(240, 1300);
    add(1, 3);
    database.wait_for_feed();
    const auto run = [&](const char* age) {
        return steelthread({"prune", "--events-older-than", age}, variables);
    };
    EXPECT_TEXT(run("11d").output, "pruned 0 events\n");
    const auto finished = run("7d");
    cr_expect_eq(finished.status, 0, "%s", finished.errors.c_str());
    EXPECT_TEXT(finished.output, "pruned 2500 events\n");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM events"), "4");
    EXPECT_TEXT(run("2h").output, "pruned 0 events\n");
    EXPECT_TEXT(run("1s").output, "pruned 4 events\n");
}

}  // namespace

namespace {

// The clock was a year ahead for a while.
void prune_behind_the_future(Engine engine) {
    const TestDatabase database{engine};
    const auto variables = variables_for(database.url());
    const bool is_sqlite = engine == Engine::sqlite;
    const auto add = [&](int count, int days) {
        const auto last = std::to_string(count);
        const auto age = std::to_string(days);
        database.execute(
            "INSERT INTO events (type, audience, subject, data, created_at) SELECT 't', 'public', "
            "'s', '{}', " +
            (is_sqlite
                 ? "(unixepoch() - " + age +
                       " * 86400) * 1000000 FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                       "SELECT i + 1 FROM n WHERE i < " +
                       last + ") SELECT i FROM n)"
                 : "now() - " + age + " * interval '1 day' FROM generate_series(1, " + last + ")"));
    };
    add(500, 30);
    add(2200, -365);
    add(5000, 29);
    database.wait_for_feed();
    EXPECT_TEXT(steelthread({"prune", "--events-older-than", "7d"}, variables).output,
                "pruned 5500 events\n");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM events"), "2200");
}

}  // namespace

Test(commands, prune_goes_on_behind_events_of_the_future_on_sqlite) {
    prune_behind_the_future(Engine::sqlite);
}
Test(commands, prune_goes_on_behind_events_of_the_future_on_postgres) {
    prune_behind_the_future(Engine::postgres);
}

Test(commands, prune_deletes_old_events_on_sqlite) { prune_all_old(Engine::sqlite); }
Test(commands, prune_deletes_old_events_on_postgres) { prune_all_old(Engine::postgres); }

namespace {

// There are 1,500 completed and 10 pending jobs that are 40 days old, and jobs that ended
// yesterday.
void prune_old_jobs(Engine engine) {
    const TestDatabase database{engine};
    const auto variables = variables_for(database.url());
    const bool is_sqlite = engine == Engine::sqlite;
    const auto add = [&](int count, const std::string& status, int made_days, int changed_days) {
        const auto moment = [&](int days) {
            return is_sqlite ? "(unixepoch() - " + std::to_string(days) + " * 86400) * 1000000"
                             : "now() - interval '" + std::to_string(days) + " days'";
        };
        const std::string id =
            is_sqlite ? "lower(substr(hex(randomblob(16)), 1, 8) || '-0000-4000-8000-' || "
                        "substr(hex(randomblob(16)), 1, 12))"
                      : "gen_random_uuid()";
        const auto last = std::to_string(count);
        database.execute(
            "INSERT INTO jobs (id, title, payload, status, max_attempts, run_at, created_at, "
            "updated_at) SELECT " +
            id + ", 'x', 'null', '" + status + "', 3, " + moment(made_days) + ", " +
            moment(made_days) + ", " + moment(changed_days) +
            (is_sqlite ? " FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                         "WHERE i < " +
                             last + ") SELECT i FROM n)"
                       : " FROM generate_series(1, " + last + ")"));
    };
    add(1500, "completed", 40, 40);
    add(10, "pending", 40, 40);
    add(1, "failed", 40, 31);
    add(2, "failed", 40, 1);
    add(3, "cancelled", 1, 1);
    const auto finished = steelthread({"prune", "--jobs-older-than", "30d"}, variables);
    cr_expect_eq(finished.status, 0, "%s", finished.errors.c_str());
    EXPECT_TEXT(finished.output, "pruned 1501 jobs\n");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM jobs"), "15");
    EXPECT_TEXT(
        steelthread({"prune", "--events-older-than", "1d", "--jobs-older-than", "30d"}, variables)
            .output,
        "pruned 0 events\npruned 0 jobs\n");
}

}  // namespace

Test(commands, prune_deletes_jobs_that_ended_on_sqlite) { prune_old_jobs(Engine::sqlite); }
Test(commands, prune_deletes_jobs_that_ended_on_postgres) { prune_old_jobs(Engine::postgres); }

namespace {

// Whatever else is pruned.
void prune_expired_keys(Engine engine) {
    const TestDatabase database{engine};
    database.add_user("ann");
    const auto hours_ago = [&](int hours) {
        const auto age = std::to_string(hours);
        return engine == Engine::sqlite ? "(unixepoch() - " + age + " * 3600) * 1000000"
                                        : "now() - interval '" + age + " hours'";
    };
    for (const int hours : {23, 24, 240})
        database.execute("INSERT INTO request_keys VALUES ('ann', 'of " + std::to_string(hours) +
                         "', 'd', 's', 'a', " + hours_ago(hours) + ")");
    const auto finished =
        steelthread({"prune", "--jobs-older-than", "30d"}, variables_for(database.url()));
    EXPECT_TEXT(finished.output, "pruned 0 jobs\npruned 2 expired keys\n");
    EXPECT_TEXT(steelthread({"prune"}, variables_for(database.url())).output,
                "pruned 0 expired keys\n");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM request_keys"), "1");
    EXPECT_TEXT(database.execute("SELECT key FROM request_keys"), "of 23");
}

}  // namespace

Test(commands, prune_deletes_expired_keys_on_sqlite) { prune_expired_keys(Engine::sqlite); }
Test(commands, prune_deletes_expired_keys_on_postgres) { prune_expired_keys(Engine::postgres); }

// Another session has read and written in a transaction that is still open.
Test(commands, prune_waits_for_nobody_and_holds_nobody_up) {
    const TestDatabase database{Engine::postgres};
    const auto variables = variables_for(database.url());
    database.execute(
        "INSERT INTO events (type, audience, subject, data, created_at) "
        "SELECT 't', 'public', 's', '{}', now() - interval '10 days' FROM generate_series(1, "
        "3000)");
    database.wait_for_feed();
    const PgConnection other{PQconnectdb(database.url().c_str())};
    const std::unique_ptr<PGresult, decltype(&PQclear)> read{
        PQexec(other.get(),
               "BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO events (type, audience, "
               "subject, data) VALUES ('t', 'public', 's', '{}'); SELECT count(*) FROM events"),
        &PQclear};
    cr_assert_eq(PQresultStatus(read.get()), PGRES_TUPLES_OK);
    EXPECT_TEXT(steelthread({"prune", "--events-older-than", "7d"}, variables).output,
                "pruned 3000 events\n");
}

// The endpoints make the same choice.
Test(commands, migrations_take_of_several_hosts_one_that_takes_writes) {
    const Cluster cluster;
    const PgConnection own{PQconnectdb(cluster.url().c_str())};
    const auto execute = [&](const char* sql) {
        const std::unique_ptr<PGresult, decltype(&PQclear)> done{PQexec(own.get(), sql), &PQclear};
        cr_assert_eq(PQresultStatus(done.get()), PGRES_COMMAND_OK, "%s", PQerrorMessage(own.get()));
    };
    auto twice = cluster.url();
    const auto address = twice.find("127.0.0.1:");
    twice.insert(address, twice.substr(address, twice.find('/', address) - address) + ",");
    const auto status = [&](const std::string& parameters) {
        return steelthread({"migrate", "status"}, variables_for(twice + parameters)).status;
    };
    execute("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on");
    cr_expect_eq(status(""), 1);
    cr_expect_eq(status("?target_session_attrs=any"), 0);
    execute("ALTER ROLE CURRENT_USER RESET default_transaction_read_only");
    cr_expect_eq(status(""), 0);
}

namespace {

// Expects that a command line is refused with this message and nothing else.
void expect_usage_error(const std::vector<std::string>& words, const std::string& message) {
    const auto refused = steelthread(words, variables_for("sqlite:////nowhere/to/be/found.db"));
    cr_expect_eq(refused.status, exit_usage, "%s", message.c_str());
    EXPECT_TEXT(refused.output, "");
    EXPECT_TEXT(refused.errors, "steelthread: " + message + "\nsee `steelthread help`\n");
}

}  // namespace

Test(commands, prune_knows_its_flags) {
    const auto variables = variables_for("sqlite:////nowhere/to/be/found.db");
    for (const char* age : {"", "7", "d", "0d", "-1d", "7w", "7dd", "1.5d", "36501d",
                            "9223372036854775807d", "--jobs-older-than"}) {
        const auto message =
            std::string{"prune: \""} + age + "\" is not an age: 7d, 12h, 15m or 90s, up to 36500d";
        expect_usage_error({"prune", "--events-older-than", age}, message);
        expect_usage_error({"prune", std::string{"--jobs-older-than="} + age}, message);
    }
    const std::pair<std::vector<std::string>, const char*> cases[] = {
        {{"--events-older-than"}, "--events-older-than needs a value"},
        {{"--events-older-than", "1d", "--events-older-than=1d"},
         "--events-older-than is given twice"},
        {{"--tasks-older-than", "1d"},
         "unknown option \"--tasks-older-than\": did you mean \"--jobs-older-than\"?"},
        {{"--events-older-than", "1d", "--tasks-older-than=1d"},
         "unknown option \"--tasks-older-than=1d\": did you mean \"--jobs-older-than\"?"},
        {{"--events-older-than=1d", "now"}, "unexpected argument \"now\""},
        {{"1d"}, "unexpected argument \"1d\""}};
    for (const auto& [words, message] : cases) {
        auto all = words;
        all.insert(all.begin(), "prune");
        expect_usage_error(all, std::string{"prune: "} + message);
    }
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"prune"},
          std::vector<std::string>{"prune", "--events-older-than", "36500d"},
          std::vector<std::string>{"prune", "--events-older-than=7d", "--jobs-older-than",
                                   "90s"}}) {
        const auto failed = steelthread(words, variables);
        cr_expect_eq(failed.status, 1);
        EXPECT_TEXT(failed.output, "");
    }
}

Test(commands, a_wrong_command_line_is_named) {
    const std::pair<std::vector<std::string>, const char*> cases[] = {
        {{"rnu"}, "unknown command \"rnu\": did you mean \"run\"?"},
        {{"--verbose"}, "unknown option \"--verbose\""},
        {{"help", "rnu"}, "unknown command \"rnu\": did you mean \"run\"?"},
        {{"help", "run", "now"}, "help: unexpected argument \"now\""},
        {{"run", "--nothing"}, "run: unknown option \"--nothing\""},
        {{"run", "--migrate", "x"}, "run: unexpected argument \"x\""},
        {{"restart"}, "restart: an endpoint is missing"},
        {{"restart", "root", "tasks"}, "restart: unexpected argument \"tasks\""},
        {{"migrate"}, "migrate: direction is missing: up, down or status"},
        {{"migrate", "sideways"}, "migrate: unknown direction \"sideways\": up, down or status"},
        {{"migrate", "up", "--yes"}, "migrate: only `migrate down` takes --yes"},
        {{"migrate", "status", "--force"}, "migrate: only `migrate down` takes --force"},
        {{"migrate", "up", "down"}, "migrate: unexpected argument \"down\""},
        {{"doctor", "all"}, "doctor: unexpected argument \"all\""},
        {{"token"}, "token: --user ID is missing"},
        {{"token", "ada"}, "token: unexpected argument \"ada\""},
        {{"token", "--user"}, "token: --user needs a value"},
        {{"seed", "--name=ada"}, "seed: unknown option \"--name=ada\""},
        {{"seed", "--", "--user=ada"}, "seed: unexpected argument \"--user=ada\""},
        {{"seed", "\xff"}, "seed: an argument is not UTF-8"},
        {{"seed", "a\u009bb"}, "seed: unexpected argument \"a?b\""},
        {{"version", "x"}, "version: unexpected argument \"x\""},
        {{"version", "--", "--help"}, "version: unexpected argument \"--help\""},
        {{"openapi"}, "openapi: a base file is missing"},
        {{"settings"}, "settings: format is missing: env or markdown"},
        {{"settings", "xml"}, "settings: unknown format \"xml\": env or markdown"},
        {{"routes", "x"}, "routes: unexpected argument \"x\""}};
    for (const auto& [words, message] : cases) expect_usage_error(words, message);
}

Test(commands, without_a_command_the_usage_is_an_error) {
    const auto refused = steelthread({}, base_variables());
    cr_expect_eq(refused.status, exit_usage);
    EXPECT_TEXT(refused.output, "");
    cr_expect(refused.errors.starts_with("usage: steelthread COMMAND\n\n  run [--migrate]"));
}

Test(commands, help_is_no_error) {
    const auto output = [](const std::vector<std::string>& words) {
        const auto finished = steelthread(words, base_variables());
        cr_expect_eq(finished.status, 0, "%s", words[0].c_str());
        EXPECT_TEXT(finished.errors, "");
        return finished.output;
    };
    const auto all = output({"help"});
    cr_expect(all.starts_with("usage: steelthread COMMAND\n\n  run [--migrate]"), "%s",
              all.c_str());
    for (const char* option : {"--help", "-h"}) EXPECT_TEXT(output({option}), all);
    // Every command of the list has a usage of its own, with the same words.
    int count = 0;
    std::istringstream lines{all};
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("  ") || line[2] == ' ') continue;
        const auto command = line.substr(2, line.find(' ', 2) - 2);
        const auto usage = output({"help", command});
        cr_expect(usage.starts_with("usage: steelthread " + command), "%s", usage.c_str());
        EXPECT_TEXT(output({command, "--help"}), usage);
        EXPECT_TEXT(output({command, "surplus", "-h"}), usage);
        ++count;
    }
    cr_expect_gt(count, 15);
    EXPECT_TEXT(output({"--version"}), output({"version"}));
}

Test(commands, missing_handlers_are_named) {
    const auto folder = test_variable("TEST_DIR") + "/alone";
    std::filesystem::create_directory(folder);
    std::filesystem::copy_file(built("steelthread"), folder + "/steelthread");
    const auto alone = run_command({folder + "/steelthread", "routes"}, base_variables());
    EXPECT_TEXT(alone.errors, "steelthread: the folder " + folder +
                                  "/handlers is missing: it must be beside the program, with the "
                                  "handlers\n");
}

Test(commands, config_lists_the_numbers_of_processes) {
    auto variables = variables_for("sqlite:///./steelthread.db");
    variables["WORKERS_HEALTHZ"] = "3";
    const auto config = steelthread({"config"}, variables);
    cr_expect(config.output.ends_with("\nWORKERS_HEALTHZ=3\n"), "%s", config.output.c_str());
}

Test(commands, seed_adds_what_is_not_there_on_sqlite) { seed_once(Engine::sqlite); }
Test(commands, seed_adds_what_is_not_there_on_postgres) { seed_once(Engine::postgres); }

Test(commands, seed_needs_the_schema) {
    const auto folder = test_variable("TEST_DIR") + "/no_schema";
    std::filesystem::create_directory(folder);
    const auto variables = variables_for("sqlite:///" + folder + "/empty.db");
    for (const auto& words :
         {std::vector<std::string>{"seed"}, std::vector<std::string>{"token", "--user", "x"}}) {
        const auto finished = steelthread(words, variables);
        cr_expect_eq(finished.status, 1);
        EXPECT_TEXT(finished.output, "");
        EXPECT_TEXT(finished.errors,
                    "steelthread: the schema is not up to date: run `steelthread migrate up`\n");
    }
}

Test(commands, seed_takes_the_account_of_developers) {
    const TestDatabase database{Engine::sqlite};
    const auto variables = variables_for(database.url());
    const auto without = steelthread({"seed"}, variables);
    cr_expect_eq(without.status, 1);
    EXPECT_TEXT(without.errors,
                "steelthread: DEV_USER_EMAIL has no account: run `steelthread migrate up`\n");
    steelthread({"migrate", "up"}, variables);
    cr_expect_eq(steelthread({"seed"}, variables).status, 0);
    EXPECT_TEXT(database.execute("SELECT count(*) FROM tasks JOIN users ON users.id = user_id "
                                 "WHERE email = 'dev@example.org'"),
                "5");
}

static void make_a_token(Engine engine) {
    const TestDatabase database{engine};
    auto variables = variables_for(database.url());
    const auto made = steelthread({"token", "--user", "somebody"}, variables);
    cr_assert_eq(made.status, 0, "%s", made.errors.c_str());
    variables["REQUEST_METHOD"] = "GET";
    variables["REQUEST_URI"] = "/api/v1/somebody/tasks";
    variables["HTTP_AUTHORIZATION"] = "Bearer " + made.output.substr(0, made.output.size() - 1);
    const auto answered = run_command({built("handlers/tasks")}, variables);
    cr_expect(answered.output.starts_with("Status: 200 "), "%s", answered.output.c_str());
    const auto refused = steelthread({"token", "--user", ""}, variables);
    cr_expect_eq(refused.status, 1);
    EXPECT_TEXT(refused.output, "");
    // The second token is for the same user.
    cr_expect_eq(steelthread({"token", "--user=somebody"}, variables).status, 0);
    EXPECT_TEXT(database.execute("SELECT id FROM users"), "somebody");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM users"), "1");
}

Test(commands, a_token_is_one_of_the_service) { make_a_token(Engine::sqlite); }
Test(commands, a_token_is_one_of_the_service_on_postgres) { make_a_token(Engine::postgres); }

Test(commands, production_knows_neither_tokens_nor_seeds) {
    const TestDatabase database{Engine::sqlite};
    auto variables = variables_for(database.url());
    variables["ENVIRONMENT"] = "production";
    variables["BCRYPT_COST"] = "10";
    variables["DEV_USER_EMAIL"] = "";
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"token", "--user", "x"}, std::vector<std::string>{"seed"}}) {
        const auto refused = steelthread(words, variables);
        cr_expect_eq(refused.status, 1);
        EXPECT_TEXT(refused.output, "");
        EXPECT_TEXT(refused.errors, "steelthread: " + words[0] +
                                        " is for development: ENVIRONMENT is production\n");
    }
    EXPECT_TEXT(database.execute("SELECT count(*) FROM collab_tasks"), "0");
}

static void undo_in_production(Engine engine) {
    const TestDatabase database{engine};
    auto variables = variables_for(database.url());
    variables["ENVIRONMENT"] = "production";
    variables["BCRYPT_COST"] = "10";
    variables["DEV_USER_EMAIL"] = "";
    const auto refusal = [&] {
        const auto refused = steelthread({"migrate", "down"}, variables);
        cr_expect_eq(refused.status, 1);
        EXPECT_TEXT(refused.output, "");
        return refused.errors;
    };
    const auto undo = [&] { return steelthread({"migrate", "down", "--force"}, variables).output; };
    const auto undo_until = [&](const std::string& last) {
        for (std::string undone; undone != "undone " + last + "\n";) {
            undone = undo();
            cr_assert(undone.starts_with("undone "), "%s", undone.c_str());
        }
    };
    undo_until("0013_counts");
    EXPECT_TEXT(refusal(),
                "steelthread: ENVIRONMENT is production, and undoing 0012_accounts drops "
                "users.disabled_at, login_networks with all data: make a backup, and repeat with "
                "`migrate down --force`\n");
    undo_until("0010_names");
    EXPECT_TEXT(refusal(),
                "steelthread: ENVIRONMENT is production, and undoing 0009_verified_emails "
                "drops no data: make a backup, and repeat with `migrate down --force`\n");
    undo_until("0007_event_feed");
    EXPECT_TEXT(
        refusal(),
        "steelthread: ENVIRONMENT is production, and undoing 0006_jobs drops "
        "idempotency_keys, jobs with all data: make a backup, and repeat with `migrate down "
        "--force`\n");
    EXPECT_TEXT(steelthread({"migrate", "down", "--yes"}, variables).output, "");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM jobs"), "0");
    while (undo() != "nothing to undo\n") continue;
    EXPECT_TEXT(steelthread({"migrate", "down"}, variables).output, "nothing to undo\n");
}

Test(commands, production_undoes_only_what_is_forced_on_sqlite) {
    undo_in_production(Engine::sqlite);
}
Test(commands, production_undoes_only_what_is_forced_on_postgres) {
    undo_in_production(Engine::postgres);
}

Test(commands, undoing_wants_consent_where_nobody_can_be_asked) {
    const TestDatabase database{Engine::sqlite};
    const auto variables = variables_for(database.url());
    const auto newest =
        database.execute("SELECT name FROM schema_migrations ORDER BY name DESC LIMIT 1");
    const auto refused = steelthread({"migrate", "down"}, variables);
    cr_expect_eq(refused.status, 1);
    EXPECT_TEXT(refused.output, "");
    cr_expect(refused.errors.starts_with("steelthread: undoing " + newest + " drops ") &&
                  refused.errors.ends_with(": repeat with `migrate down --yes`\n"),
              "%s", refused.errors.c_str());
    EXPECT_TEXT(steelthread({"migrate", "down", "--yes"}, variables).output,
                "undone " + newest + "\n");
}

// script(1) gives the command a terminal.
Test(commands, undoing_asks_on_a_terminal) {
    const TestDatabase database{Engine::sqlite};
    const auto newest =
        database.execute("SELECT name FROM schema_migrations ORDER BY name DESC LIMIT 1");
    const auto answer = [&](const std::string& words) {
        return run_command(
            {"/usr/bin/script", "-qec", built("steelthread") + " migrate down", "/dev/null"},
            variables_for(database.url()), words + "\n");
    };
    for (const char* no : {"n", "", "ja", "no"}) {
        const auto refused = answer(no);
        cr_expect(refused.output.find("undoing " + newest + " drops ") != std::string::npos &&
                      refused.output.find("Go on? [y/N] ") != std::string::npos &&
                      refused.output.find("nothing was changed") != std::string::npos,
                  "%s", refused.output.c_str());
        cr_expect_eq(refused.status, 1);
    }
    const auto done = answer("y");
    cr_expect(done.output.find("undone " + newest) != std::string::npos, "%s", done.output.c_str());
}

Test(commands, nothing_is_undone_beside_a_running_service) {
    const Stack stack{Engine::sqlite};
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"migrate", "down"}, {"migrate", "down", "--force"}}) {
        const auto refused = stack.command(words);
        cr_expect_eq(refused.status, 1);
        EXPECT_TEXT(refused.output, "");
        EXPECT_TEXT(refused.errors, "steelthread: the service is running (pid " +
                                        std::to_string(stack.supervisor()) +
                                        "): stop it before you undo a migration\n");
    }
    cr_expect_eq(stack.send({.path = "/healthz"}).status, 200);
}

static void examine_sound(Engine engine) {
    const TestDatabase database{engine};
    const auto variables = variables_for(database.url());
    const auto finished = steelthread({"doctor"}, variables);
    cr_expect_eq(finished.status, 0, "%s", finished.output.c_str());
    cr_expect_eq(finished.output.find("FAULT"), std::string::npos, "%s", finished.output.c_str());
    std::vector<const char*> checks{"settings",   "programs", "RUN_DIR", "port",        "database",
                                    "migrations", "limits",   "key set", "folded texts"};
    if (engine == Engine::postgres) checks.insert(checks.end(), {"connections", "sequences"});
    for (const char* what : checks)
        cr_expect_neq(finished.output.find(std::string{"ok     "} + what), std::string::npos, "%s",
                      what);
}
// The events look like a restored dump, whose transaction ids are ahead of this cluster.
Test(commands, migrating_takes_over_the_events_of_another_cluster) {
    const TestDatabase database{Engine::postgres};
    const Stack stack{database.url()};
    std::vector<std::string> paths;
    for (const char* title : {"one", "two", "three"}) paths.push_back(stack.create_task(title));
    database.execute("DELETE FROM events WHERE subject = '" + paths[0] + "'");
    database.execute(
        "UPDATE events SET transaction_id = (transaction_id::text::bigint + 1000000)::text::xid8");
    database.execute(
        "UPDATE events_pruned SET transaction_id = "
        "(transaction_id::text::bigint + 1000000)::text::xid8");
    EXPECT_TEXT(json_member(stack.send({.path = "/events"}).body, "events.0.id"), "<absent>");
    const auto doctor = stack.command({"doctor"});
    cr_expect(doctor.output.find("pending: the events of another cluster") != std::string::npos,
              "%s", doctor.output.c_str());

    const std::string news = "adopted the events of another cluster\n";
    cr_expect(stack.command({"migrate", "up"}).output.starts_with(news));
    cr_expect(!stack.command({"migrate", "up"}).output.starts_with(news));
    paths.push_back(stack.create_task("four"));
    database.wait_for_feed();
    const auto page = stack.send({.path = "/events"}).body;
    for (std::size_t i = 1; i < paths.size(); ++i)
        EXPECT_TEXT(json_member(page, "events." + std::to_string(i - 1) + ".subject"), paths[i]);
    const auto newest = json_member(page, "events.2.id");
    cr_expect_eq(stack.send({.path = "/events?after=" + newest}).status, 200);
}

Test(commands, the_doctor_finds_nothing_where_all_is_well_on_sqlite) {
    examine_sound(Engine::sqlite);
}
Test(commands, the_doctor_finds_nothing_where_all_is_well_on_postgres) {
    examine_sound(Engine::postgres);
}

// An earlier release, which does not fold texts, has added a task.
Test(commands, the_doctor_finds_texts_that_are_not_folded) {
    with_each_engine([](Engine engine) {
        const TestDatabase database{engine};
        database.add_user("ann");
        database.execute(
            "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) "
            "SELECT id, 'Milk', '', created_at > created_at, created_at, created_at FROM users");
        const auto variables = variables_for(database.url());
        const auto unfolded = steelthread({"doctor"}, variables);
        cr_expect_neq(unfolded.output.find("warn   folded texts: 1 task of another program"),
                      std::string::npos, "%s", unfolded.output.c_str());
        cr_expect(steelthread({"migrate", "up"}, variables)
                      .output.starts_with("folded the texts of 1 task\n"));
        const auto folded = steelthread({"doctor"}, variables);
        cr_expect_neq(folded.output.find("ok     folded texts: complete"), std::string::npos, "%s",
                      folded.output.c_str());
    });
}

// The rows look as if they had been copied without their sequences.
Test(commands, the_doctor_names_sequences_that_are_behind) {
    const TestDatabase database{Engine::postgres};
    const auto variables = variables_for(database.url());
    database.execute(
        "INSERT INTO collab_tasks (id, title) SELECT gen_random_uuid(), 't' FROM "
        "generate_series(1, 3); ALTER TABLE events ALTER id RESTART 3");
    const std::string repair = "SELECT setval('events_id_seq', (SELECT max(id) FROM events));";
    expect_fault(variables,
                 "sequences: behind their tables, so inserts will fail. In psql, run: " + repair);
    database.execute(repair);
    const auto finished = steelthread({"doctor"}, variables);
    cr_expect_eq(finished.status, 0, "%s", finished.output.c_str());
}

Test(commands, refuse_a_database_in_another_encoding) {
    const TestDatabase control{Engine::postgres};
    const auto url = control.url();
    const auto name = "encoding_" + std::to_string(getpid());
    control.execute("CREATE DATABASE " + name +
                    " ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    const auto slash = url.rfind('/');
    const auto query = std::min(url.find('?', slash), url.size());
    const auto variables = variables_for(url.substr(0, slash + 1) + name + url.substr(query));
    const std::string fault =
        "PostgreSQL: the encoding of the database is SQL_ASCII: create one with ENCODING 'UTF8' "
        "TEMPLATE template0\n";
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"migrate", "up"}, {"run"}, {"run", "--migrate"}}) {
        const auto finished = steelthread(words, variables);
        cr_expect_eq(finished.status, exit_config);
        cr_expect(finished.errors.ends_with(fault), "%s", finished.errors.c_str());
    }
    expect_fault(variables, "migrations: " + fault);
    control.execute("DROP DATABASE " + name);
}

Test(commands, the_doctor_compares_connections_with_the_server) {
    const TestDatabase database{Engine::postgres};
    auto variables = variables_for(database.url());
    const auto connections = [&] {
        const auto output = steelthread({"doctor"}, variables).output;
        const auto at = output.find(" connections: ");
        return at == output.npos ? output : output.substr(at, output.find('\n', at) - at);
    };
    const auto room = database.execute(
        "SELECT current_setting('max_connections')::int - "
        "current_setting('superuser_reserved_connections')::int");
    variables["DB_POOL_SIZE"] = "1";
    auto found = connections();
    cr_expect(found.ends_with("; the server allows " + room + " in total"), "%s", found.c_str());
    variables["DB_POOL_SIZE"] = "100";
    found = connections();
    cr_expect_neq(found.find(" with DB_POOL_SIZE 100 open up to "), found.npos, "%s",
                  found.c_str());
    cr_expect_neq(found.find(": some will be refused under load"), found.npos, "%s", found.c_str());
    for (const char* endpoint : {"EVENTS", "HEALTHZ", "JOBS", "JOB_LEASE"})
        variables[std::string{"WORKERS_"} + endpoint] = "64";
    found = connections();
    cr_expect_neq(found.find(": too few; raise max_connections, "), found.npos, "%s",
                  found.c_str());
}

Test(commands, the_doctor_knows_a_running_service) {
    const Stack stack{Engine::sqlite};
    const auto finished = stack.command({"doctor"});
    cr_expect_eq(finished.status, 0, "%s", finished.output.c_str());
    cr_expect_neq(finished.output.find(stack.base_url() + " is served (pid " +
                                       std::to_string(stack.supervisor()) + ")"),
                  std::string::npos, "%s", finished.output.c_str());
}

Test(commands, the_doctor_asks_redis) {
    const RedisServer redis{"secret"};
    const TestDatabase database{Engine::sqlite};
    auto variables = variables_for(database.url());
    const auto place = "Redis (127.0.0.1:" + std::to_string(redis.port()) + ")";
    variables["REDIS_URL"] = redis.url();
    const auto finished = steelthread({"doctor"}, variables);
    cr_expect_neq(finished.output.find("ok     limits: " + place + " answers in "),
                  std::string::npos, "%s", finished.output.c_str());
    variables["REDIS_URL"] = "redis://127.0.0.1:" + std::to_string(redis.port());
    expect_fault(variables, "limits: " + place + ": it answered NOAUTH: check REDIS_URL\n");
    variables["REDIS_URL"] = redis.url();
    redis.pause();
    expect_fault(variables, "limits: " + place + ": no answer in time: check REDIS_URL\n");
}

Test(commands, the_doctor_names_every_fault) {
    const TestDatabase database{Engine::postgres};
    auto variables = variables_for(database.url());
    const int port = std::stoi(variables["PORT"]);

    database.execute("DELETE FROM schema_migrations WHERE name LIKE '0002%'");
    expect_fault(variables, "migrations: pending: 0002_events: run `steelthread migrate up`\n");
    database.execute("DROP TABLE schema_migrations");
    expect_fault(variables, "migrations: pending: 0001_users, 0002_events, ");

    const int taken = listen_on_port(port);
    expect_fault(variables, "port: cannot listen on 127.0.0.1:" + std::to_string(port));
    close(taken);

    auto others = variables;
    others["RUN_DIR"] = "/dev/null/steelthread";
    others["DATABASE_URL"] = with_port(database.url(), 1);
    expect_fault(others, "RUN_DIR: ");
    expect_fault(others, "database: PostgreSQL (127.0.0.1:1/");
    others["DATABASE_URL"] = "sqlite:////nowhere/to/be/found.db";
    expect_fault(others, "database: /nowhere/to/be/found.db does not exist: run ");
    others["REDIS_URL"] = "redis://:secret@127.0.0.1:1";
    expect_fault(others, "limits: Redis (127.0.0.1:1): Connection refused: check REDIS_URL\n");
    others["JWKS_FILE"] = "/nowhere/keys.json";
    expect_fault(others, "key set: JWKS_FILE (/nowhere/keys.json): cannot be read");
    others["JWKS_FILE"] = "";
    others["JWKS_URL"] = "http://127.0.0.1:1/jwks";
    expect_fault(others, "key set: JWKS_URL: ");
    others["BCRYPT_COST"] = "three";
    expect_fault(others, "settings: BCRYPT_COST must be ");
}
