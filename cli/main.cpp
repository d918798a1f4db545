// steelthread: runs the service, maintains its schema, and helps its developers.

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "cli/development.hpp"
#include "cli/doctor.hpp"
#include "cli/endpoint_list.hpp"
#include "cli/migrate.hpp"
#include "cli/openapi.hpp"
#include "cli/prune.hpp"
#include "cli/reference.hpp"
#include "cli/restart.hpp"
#include "cli/routes.hpp"
#include "cli/supervisor.hpp"
#include "shared/config/config.hpp"
#include "shared/config/setting.hpp"
#include "shared/exit_status.hpp"
#include "shared/signals.hpp"
#include "shared/version.hpp"

namespace {

constexpr std::string_view help = R"(usage: steelthread COMMAND

  run [--migrate]        serve on HOST:PORT until SIGTERM; --migrate brings the schema up first
  restart ENDPOINT       replace the processes of one endpoint without losing a request
  migrate up|down|status apply pending migrations | undo the newest | list all
  prune [--events-older-than AGE] [--jobs-older-than AGE]
                         delete events, and jobs that ended, before AGE: 90s, 15m, 12h, 7d
  doctor                 report what would prevent the service from running here
  token --user ID        print a token for a user (development)
  seed [--user ID]       add sample tasks and a conversation (development)
  config                 print the effective settings, with secrets masked
  version

For `make generate`:
  routes, maps, request_fields
                         print nginx/routes.conf, nginx/maps.conf, nginx/request_fields.conf
  openapi BASE           print nginx/openapi.json, with its fixed parts from the file BASE
  errors                 print docs/errors.md
  endpoints json|markdown
                         print nginx/endpoints.json, the tables of docs/endpoints.md
  settings env|markdown  print .env.example, the table of docs/configuration.md
)";

using Words = std::vector<std::string>;

int usage() {
    std::cerr << help;
    return exit_usage;
}

int migrate(const std::string& direction) {
    const auto config = load_config();
    if (direction == "up") migrate_up(config, std::cout);
    if (direction == "down") migrate_down(config, std::cout);
    if (direction == "status") migrate_status(config, std::cout);
    return EXIT_SUCCESS;
}

// Does not load the other settings: restarting an endpoint requires no secrets.
std::string run_dir() {
    const char* value = std::getenv("RUN_DIR");
    if (value && *value) return value;
    return std::string{setting("RUN_DIR").default_value};
}

int run(const Words& words) {
    const auto command = words.empty() ? "" : words[0];
    const auto argument = words.size() > 1 ? words[1] : "";
    if (command == "token" && words.size() == 3 && argument == "--user") {
        print_token(load_config(), words[2], std::cout);
        return EXIT_SUCCESS;
    }
    if (command == "seed" && (words.size() == 1 || (words.size() == 3 && argument == "--user"))) {
        seed(load_config(), words.size() == 3 ? words[2] : "", std::cout);
        return EXIT_SUCCESS;
    }
    if (command == "prune") {
        const auto ages = parse_ages(std::span{words}.subspan(1));
        if (!ages) return usage();
        prune(load_config(), *ages, std::cout);
        return EXIT_SUCCESS;
    }
    if (words.size() > 2) return usage();
    if (command == "doctor" && argument.empty())
        return examine(std::cout) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (command == "run" && (argument.empty() || argument == "--migrate"))
        return supervise(load_config(), !argument.empty());
    if (command == "openapi" && !argument.empty()) {
        print_openapi(argument, std::cout);
        return EXIT_SUCCESS;
    }
    if (command == "restart" && !argument.empty()) return request_restart(run_dir(), argument);
    if (command == "migrate" && (argument == "up" || argument == "down" || argument == "status"))
        return migrate(argument);

    const std::map<std::string, std::function<void()>> printers = {
        {"config", [] { std::cout << dump_config(load_config()); }},
        {"version", [] { std::cout << service_version << '\n'; }},
        {"help", [] { std::cout << help; }},
        {"routes", [] { print_routes(std::cout); }},
        {"maps", [] { print_maps(std::cout); }},
        {"request_fields", [] { print_request_fields(std::cout); }},
        {"errors", [] { print_errors(std::cout); }},
        {"endpoints json", [] { print_endpoint_list(std::cout); }},
        {"endpoints markdown", [] { print_endpoints_markdown(std::cout); }},
        {"settings env", [] { print_settings_env(std::cout); }},
        {"settings markdown", [] { print_settings_markdown(std::cout); }},
    };
    const auto found = printers.find(argument.empty() ? command : command + " " + argument);
    if (found == printers.end()) return usage();
    found->second();
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
    end_with_signals();
    umask(0077);  // other users must not read the database and the rest of RUN_DIR
    try {
        return run({argv + 1, argv + argc});
    } catch (const ConfigError& error) {
        std::cerr << error.what() << '\n';
        return exit_config;
    } catch (const std::exception& error) {
        std::cerr << "steelthread: " << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
