// steelthread: runs the service, maintains its schema, and helps its developers.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/backup.hpp"
#include "cli/command.hpp"
#include "cli/development.hpp"
#include "cli/doctor.hpp"
#include "cli/endpoint_list.hpp"
#include "cli/manual.hpp"
#include "cli/metrics.hpp"
#include "cli/migrate.hpp"
#include "cli/nearest.hpp"
#include "cli/nginx_config.hpp"
#include "cli/openapi.hpp"
#include "cli/prune.hpp"
#include "cli/reference.hpp"
#include "cli/restart.hpp"
#include "cli/routes.hpp"
#include "cli/supervisor.hpp"
#include "cli/top.hpp"
#include "cli/users.hpp"
#include "shared/config/config.hpp"
#include "shared/config/setting.hpp"
#include "shared/control_characters.hpp"
#include "shared/exit_status.hpp"
#include "shared/log.hpp"
#include "shared/number.hpp"
#include "shared/server/listen.hpp"
#include "shared/signals.hpp"
#include "shared/version.hpp"

namespace {

// The settings of the environment, of which the log's format applies from now on.
Config configuration() {
    auto config = load_config();
    logging::set_format(config.log_format);
    return config;
}

int run(Arguments& arguments) {
    const bool migrates = arguments.flag("--migrate");
    arguments.end();
    return supervise(configuration(), migrates);
}

int restart(Arguments& arguments) {
    const auto endpoint = arguments.word("an endpoint");
    arguments.end();
    // Does not load the other settings: restarting an endpoint requires no secrets.
    const char* run_dir = std::getenv("RUN_DIR");
    const bool is_set = run_dir && *run_dir;
    return request_restart(is_set ? run_dir : std::string{setting("RUN_DIR").default_value},
                           endpoint, std::cout);
}

int migrate(Arguments& arguments) {
    const Consent consent{.is_given = arguments.flag("--yes"),
                          .is_forced = arguments.flag("--force")};
    const auto direction = arguments.choice("direction", {"up", "down", "status"});
    arguments.end();
    if (consent.is_given && direction != "down") arguments.fail("only `migrate down` takes --yes");
    if (consent.is_forced && direction != "down")
        arguments.fail("only `migrate down` takes --force");
    const auto config = configuration();
    if (direction == "up" && !migrate_up(config, std::cout)) std::cout << "nothing to apply\n";
    if (direction == "down") migrate_down(config, consent, std::cout);
    if (direction == "status") migrate_status(config, std::cout);
    return EXIT_SUCCESS;
}

// For the supervisor, whose log gets this process's lines.
int prune_for_log(const Config& config, const Ages& ages) {
    logging::set_level(config.log_level);
    logging::set_endpoint("prune");
    try {
        log(prune(config, ages));
        return EXIT_SUCCESS;
    } catch (const std::exception& error) {
        logging::warning("could not prune", {{"reason", std::string_view{error.what()}}});
        return EXIT_FAILURE;
    }
}

int prune(Arguments& arguments) {
    const bool is_for_log = arguments.flag("--log");
    auto ages = take_ages(arguments);
    arguments.end();
    const auto config = configuration();
    if (!ages.events && !ages.jobs) ages = ages_of(config);
    if (is_for_log) return prune_for_log(config, ages);
    print(prune(config, ages), std::cout);
    return EXIT_SUCCESS;
}

int backup(Arguments& arguments) {
    const auto file = arguments.word("a file");
    arguments.end();
    back_up(configuration(), file, std::cout);
    return EXIT_SUCCESS;
}

int restore(Arguments& arguments) {
    const auto file = arguments.word("a file");
    arguments.end();
    restore(configuration(), file, std::cout);
    return EXIT_SUCCESS;
}

int nginx(Arguments& arguments) {
    const auto connections = arguments.option("--connections");
    const auto block = arguments.choice("block", {"http", "server"});
    arguments.end();
    constexpr rlim_t of_debian = 768;
    const auto number = parse_number<rlim_t>(connections.value_or(std::to_string(of_debian)));
    if (!number || *number < 64 || *number > 1'000'000)
        arguments.fail("--connections needs a number from 64 to 1000000");
    std::cout << nginx_include(configuration(), block, *number);
    return EXIT_SUCCESS;
}

// With a listening socket as stdin it serves Prometheus there, as a process of the supervisor.
int metrics(Arguments& arguments) {
    arguments.end();
    if (is_listening(STDIN_FILENO)) return serve_metrics();
    print_metrics(configuration(), std::cout);
    return EXIT_SUCCESS;
}

int top(Arguments& arguments) {
    const bool is_once = arguments.flag("--once");
    arguments.end();
    watch_service(configuration(), is_once, std::cout);
    return EXIT_SUCCESS;
}

int doctor(Arguments& arguments) {
    arguments.end();
    return examine(std::cout) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int token(Arguments& arguments) {
    const auto user = arguments.option("--user");
    arguments.end();
    if (!user) arguments.fail("--user ID is missing");
    print_token(configuration(), *user, std::cout);
    return EXIT_SUCCESS;
}

int seed(Arguments& arguments) {
    const auto user = arguments.option("--user");
    arguments.end();
    seed(configuration(), user.value_or(""), std::cout);
    return EXIT_SUCCESS;
}

int user(Arguments& arguments) {
    const auto name = arguments.option("--name");
    const bool as_json = arguments.flag("--json");
    const bool is_confirmed = arguments.flag("--yes");
    const bool is_id = arguments.flag("--id");
    const auto action =
        arguments.choice("action", {"list", "create", "password", "disable", "enable", "delete"});
    if (name && action != "create") arguments.fail("only `user create` takes --name");
    if (as_json && action != "list") arguments.fail("only `user list` takes --json");
    if (is_confirmed && action != "delete") arguments.fail("only `user delete` takes --yes");
    if (is_id && (action == "list" || action == "create"))
        arguments.fail("`user " + action + "` does not take --id");
    const auto text = action == "list"     ? ""
                      : action == "create" ? arguments.word("an e-mail address")
                      : is_id              ? arguments.word("an id")
                                           : arguments.word("an e-mail address or id");
    arguments.end();
    const auto config = configuration();
    const UserName who{text, is_id};
    if (action == "list") list_users(config, as_json, std::cout);
    if (action == "create") create_user(config, text, name, read_password(), std::cout);
    if (action == "password") set_password(config, who, read_password(), std::cout);
    if (action == "disable") disable_user(config, who, std::cout);
    if (action == "enable") enable_user(config, who, std::cout);
    if (action == "delete") delete_user(config, who, is_confirmed, std::cout);
    return EXIT_SUCCESS;
}

int openapi(Arguments& arguments) {
    const auto base = arguments.word("a base file");
    arguments.end();
    print_openapi(base, std::cout);
    return EXIT_SUCCESS;
}

int endpoints(Arguments& arguments) {
    const auto format = arguments.choice("format", {"json", "markdown", "names"});
    arguments.end();
    if (format == "json") print_endpoint_list(std::cout);
    if (format == "markdown") print_endpoints_markdown(std::cout);
    if (format == "names")
        for (const auto& endpoint : read_endpoint_list()) std::cout << endpoint.name << '\n';
    return EXIT_SUCCESS;
}

int settings(Arguments& arguments) {
    const auto format = arguments.choice("format", {"env", "markdown"});
    arguments.end();
    (format == "env" ? print_settings_env : print_settings_markdown)(std::cout);
    return EXIT_SUCCESS;
}

// A command without arguments that only prints.
template <auto Print>
int print(Arguments& arguments) {
    arguments.end();
    Print(std::cout);
    return EXIT_SUCCESS;
}

void print_config(std::ostream& out) {
    const auto config = configuration();
    out << dump_config(config);
    for (const auto& [key, count] : config.workers)
        out << workers_prefix << key << '=' << count << '\n';
}

void print_version(std::ostream& out) { out << service_version << '\n'; }
int help(Arguments& arguments);
int manual(Arguments& arguments);
int completion(Arguments& arguments);

constexpr Command commands[] = {
    {"run", "[--migrate]", "serve on HOST:PORT until SIGTERM; --migrate brings the schema up first",
     run},
    {"restart", "ENDPOINT", "replace the processes of one endpoint without losing a request",
     restart},
    {"migrate", "up|down [--yes|--force]|status",
     "apply pending migrations | undo the newest | list all", migrate,
     "  `migrate down` drops what the newest migration has created. It asks on a terminal, needs\n"
     "  --yes elsewhere, and --force in production.\n"},
    {"backup", "FILE", "write a complete copy of the database, while the service runs", backup},
    {"restore", "FILE", "bring such a copy into an empty DATABASE_URL", restore},
    {"nginx", "http|server [--connections N]",
     "print the configuration for an nginx of your own, which runs with NGINX=off", nginx,
     "  steelthread nginx http   > /etc/nginx/conf.d/steelthread.conf\n"
     "  steelthread nginx server > /etc/nginx/snippets/steelthread.conf\n"
     "\n"
     "  The server block of your site includes the second file. N is the worker_connections of "
     "that\n"
     "  nginx; Debian's has 768. Print both files again after an upgrade and after a change of "
     "settings.\n"},
    {"prune", "[--events-older-than AGE] [--jobs-older-than AGE]",
     "delete old events, jobs that ended, and expired keys", prune,
     "  AGE is 90s, 15m, 12h or 7d. Without an AGE, EVENTS_KEEP and JOBS_KEEP apply. A running "
     "service\n"
     "  does this once an hour. With --log it writes a line of the log.\n"},
    {"user", "list|create|password|disable|enable|delete", "manage users", user,
     "  user list [--json]               list all users, oldest first, with their tasks counted\n"
     "  user create EMAIL [--name NAME]  create an account, also where SIGNUP=closed\n"
     "  user password [--id] USER        set a new password\n"
     "  user disable [--id] USER         refuse the user's tokens and logins, end the streams\n"
     "  user enable [--id] USER          accept them again\n"
     "  user delete [--id] USER [--yes]  delete the user with all tasks and conversations\n"
     "\n"
     "  USER is an e-mail address or an id; with --id it is an id. A password is read from\n"
     "  standard input; if that is a terminal or empty, one is made and printed.\n"},
    {"top", "[--once]", "show what the running service does, second by second", top},
    {"metrics", "", "print the metrics of the running service, as Prometheus reads them", metrics},
    {"doctor", "", "report what would prevent the service from running here", doctor},
    {"token", "--user ID", "print a token for a user (development)", token},
    {"seed", "[--user ID]", "add sample tasks and a conversation (development)", seed},
    {"config", "", "print the effective settings, with secrets masked", print<print_config>},
    {"version", "", "print the version (also --version)", print<print_version>},
    {"help", "[COMMAND]", "print this, or the usage of one command (also --help)", help},
};

constexpr Command generators[] = {
    {"routes", "", "print nginx/routes.conf", print<print_routes>},
    {"maps", "", "print nginx/maps.conf", print<print_maps>},
    {"request_fields", "", "print nginx/request_fields.conf", print<print_request_fields>},
    {"openapi", "BASE", "print nginx/openapi.json, with its fixed parts from the file BASE",
     openapi},
    {"errors", "", "print docs/errors.md", print<print_errors>},
    {"endpoints", "json|markdown|names",
     "print nginx/endpoints.json, the tables of docs/endpoints.md, or their names", endpoints},
    {"settings", "env|markdown", "print .env.example, the table of docs/configuration.md",
     settings},
    {"man", "1|5", "print the manual page of the commands, of the settings", manual},
    {"completion", "", "print the completion for bash", completion},
};

const Command& command_named(std::string_view name) {
    if (name == "--help" || name == "-h") name = "help";
    if (name == "--version") name = "version";
    for (const std::span<const Command> table : {std::span<const Command>{commands}, {generators}})
        for (const auto& command : table)
            if (command.name == name) return command;
    std::vector<std::string_view> names;
    for (const auto& command : commands) names.push_back(command.name);
    throw UsageError((name.starts_with('-') ? "unknown option \"" : "unknown command \"") +
                     printable(name) + '"' + suggestion(name, names));
}

std::string synopsis(const Command& command) {
    std::string text{command.name};
    if (!command.arguments.empty()) text.append(" ").append(command.arguments);
    return text;
}

void print_rows(std::span<const Command> table, std::ostream& out) {
    constexpr std::size_t column = 23;
    for (const auto& command : table) {
        const auto left = synopsis(command);
        const bool fits = left.size() < column;
        out << "  " << left << (fits ? "" : "\n  ")
            << std::string(fits ? column - left.size() : column, ' ') << command.summary << '\n';
    }
}

void print_usage(std::ostream& out) {
    out << "usage: steelthread COMMAND\n\n";
    print_rows(commands, out);
    out << "\nFor `make generate` and `make install`:\n";
    print_rows(generators, out);
    out << "\n-- ends the options: words after it may begin with -.\n";
}

void print_usage_of(const Command& command) {
    std::cout << "usage: steelthread " << synopsis(command) << "\n\n  " << command.summary << '\n';
    if (!command.details.empty()) std::cout << '\n' << command.details;
}

int help(Arguments& arguments) {
    if (arguments.empty()) {
        print_usage(std::cout);
        return EXIT_SUCCESS;
    }
    const auto& command = command_named(arguments.word("a command"));
    arguments.end();
    print_usage_of(command);
    return EXIT_SUCCESS;
}

int manual(Arguments& arguments) {
    const auto section = arguments.choice("section", {"1", "5"});
    arguments.end();
    if (section == "1") print_manual_of_commands(commands, std::cout);
    if (section == "5") print_manual_of_settings(std::cout);
    return EXIT_SUCCESS;
}

int completion(Arguments& arguments) {
    arguments.end();
    print_completion(commands, std::cout);
    return EXIT_SUCCESS;
}

int run_command(std::span<const std::string> words) {
    if (words.empty()) {
        print_usage(std::cerr);
        return exit_usage;
    }
    const auto& command = command_named(words.front());
    Arguments arguments{command.name, words.subspan(1)};
    if (!arguments.asks_for_help()) return command.run(arguments);
    print_usage_of(command);
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
    end_with_signals();
    umask(0077);  // other users must not read the database and the rest of RUN_DIR
    try {
        return run_command(std::vector<std::string>{argv + 1, argv + argc});
    } catch (const UsageError& error) {
        std::cerr << "steelthread: " << error.what() << "\nsee `steelthread help`\n";
        return exit_usage;
    } catch (const ConfigError& error) {
        std::cerr << error.what() << '\n';
        return exit_config;
    } catch (const std::exception& error) {
        std::cerr << "steelthread: " << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
