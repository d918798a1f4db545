#include "cli/checks.hpp"

#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "cli/certificate.hpp"
#include "cli/database.hpp"
#include "cli/endpoint_list.hpp"
#include "cli/handlers.hpp"
#include "cli/layout.hpp"
#include "cli/migrate.hpp"
#include "cli/nginx.hpp"
#include "cli/run_dir.hpp"
#include "shared/db/database.hpp"
#include "shared/db/migrations.hpp"
#include "shared/db/sqlite_file.hpp"
#include "shared/log.hpp"
#include "shared/run_dir.hpp"
#include "shared/text.hpp"
#include "shared/version.hpp"

namespace {

std::string check_user(const Config& config) {
    if (config.is_production() && geteuid() == 0)
        throw ConfigError("ENVIRONMENT=production must not run as root: give it a user of its own");
    return std::to_string(geteuid());
}

std::string check_programs(const Config& config) {
    const auto count = handler_executables().size();
    return (config.nginx ? nginx_command().front() : "no nginx") + ", " + std::to_string(count) +
           (count == 1 ? " handler" : " handlers") + " and the templates in " +
           nginx_folder().string();
}

std::string check_workers(const Config& config) {
    const auto endpoints = read_endpoint_list();
    std::vector<std::string> unknown;
    for (const auto& [key, count] : config.workers)
        if (std::none_of(endpoints.begin(), endpoints.end(),
                         [&, &name = key](const auto& endpoint) {
                             return workers_key(endpoint.name) == name;
                         }))
            unknown.push_back(std::string{workers_prefix} + key);
    if (!unknown.empty())
        throw ConfigError("no endpoint has the name in " + joined(unknown, ", ") +
                          ": the names are in docs/endpoints.md");
    std::vector<std::string> found;
    found.reserve(config.workers.size());
    for (const auto& [key, count] : config.workers)
        found.push_back(std::string{workers_prefix} + key + "=" + std::to_string(count));
    return found.empty() ? "as many as the endpoints declare" : joined(found, ", ");
}

std::string check_run_dir(const Config& config) { return look_at_run_dir(config.run_dir); }

std::string check_sqlite_file(const Config& config) {
    const auto path = config.sqlite_path();
    if (!path) return "none";
    if (const auto fault = fault_of_sqlite_file(*path); !fault.empty()) throw ConfigError(fault);
    if (const auto fault = fault_of_sqlite_folder(config); !fault.empty()) throw ConfigError(fault);
    return *path;
}

std::string check_tls(const Config& config) {
    if (!config.nginx || !config.has_tls()) return "off";
    return check_certificate(config);
}

std::string check_socket_group(const Config& config) {
    if (config.socket_group.empty()) return "none: only this user may open the sockets";
    socket_group(config);
    return config.socket_group;
}

std::string check_listening(const Config& config) {
    if (!config.nginx) return "none: NGINX is off";
    if (const auto pid = supervisor_of(config.run_dir); pid != 0) {
        if (!nginx_answers(config))
            throw std::runtime_error("the service is running (pid " + std::to_string(pid) +
                                     "), but nothing answers at " + base_url(config));
        return base_url(config) + " is served (pid " + std::to_string(pid) + ")";
    }
    check_ports(config);
    const auto& metrics = config.metrics_listen;
    return base_url(config) + (metrics ? " and " + metrics->text() + " are free" : " is free");
}

constexpr Check of_start[] = {{"user", check_user},
                              {"programs", check_programs},
                              {"workers", check_workers},
                              {"RUN_DIR", check_run_dir},
                              {"SQLite file", check_sqlite_file},
                              {"TLS", check_tls},
                              {"sockets", check_socket_group},
                              {"port", check_listening}};

// Returns an empty text if nothing is pending.
std::string fault_of(const Schema& schema) {
    if (schema.pending.empty()) return {};
    return "pending: " + joined(schema.pending, ", ") +
           (schema.may_change ? ": run"
                              : ": this role may not create tables: as their owner, run") +
           " `steelthread migrate up`";
}

// Later migrations may have taken away what this release needs.
void accept_newer(const Schema& schema) {
    if (is_older_release(service_version, schema.oldest_release))
        throw ConfigError("the schema is that of a newer release (" + joined(schema.newer, ", ") +
                          ") and needs steelthread " + schema.oldest_release + " or later, not " +
                          std::string{service_version} +
                          ": install that, or undo these migrations with it");
    if (!schema.newer.empty())
        logging::warning("the schema is newer than this release",
                         {{"migrations", std::string_view{joined(schema.newer, ", ")}}});
}

void warn_of_unreadable(const std::exception& error) {
    logging::warning("the schema cannot be read", {{"reason", std::string_view{error.what()}}});
}

}  // namespace

std::span<const Check> start_checks() { return of_start; }

std::string check_schema(const Config& config) {
    const auto schema = look_at_schema(config);
    if (const auto fault = fault_of(schema); !fault.empty()) throw ConfigError(fault);
    accept_newer(schema);
    if (schema.newer.empty()) return "all applied";
    return "all applied, and " + joined(schema.newer, ", ") + ", newer than this release";
}

void check_start(const Config& config, bool migrates) {
    refuse_second(config.run_dir);
    check_run_dir(config);  // from here on its files can be trusted
    wait_for_orphaned_nginx(config.run_dir);
    for (const auto& check : of_start) check.look(config);
    // A server may become available later, and a disk may get room; a file will not appear.
    if (migrates && !config.sqlite_path()) return;
    Schema schema;
    try {
        schema = look_at_schema(config);
    } catch (const ConfigError&) {
        throw;
    } catch (const DbError& error) {
        warn_of_unreadable(error);
    } catch (const std::exception& error) {
        if (config.sqlite_path()) throw ConfigError(error.what());
        warn_of_unreadable(error);
    }
    if (migrates) return;
    if (const auto fault = fault_of(schema); !fault.empty())
        throw ConfigError("the database does not have the schema of this release: " + fault +
                          " or `steelthread run --migrate`");
    accept_newer(schema);
}

void bring_schema_up(const Config& config) {
    std::stringstream steps;
    migrate_up(config, steps);
    for (std::string step; std::getline(steps, step);)
        logging::info("migrate up", {{"step", std::string_view{step}}});
    accept_newer(look_at_schema(config));
}
