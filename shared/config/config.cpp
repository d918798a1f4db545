#include "shared/config/config.hpp"

#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "shared/config/faults.hpp"
#include "shared/config/kinds.hpp"
#include "shared/config/rules.hpp"
#include "shared/config/secret_file.hpp"
#include "shared/config/setting.hpp"

namespace {

constexpr kinds::Number number_of_workers{1, 64};

// Compose files and platforms set an empty variable for "not set".
std::string_view value_of(const Variables& variables, std::string_view name) {
    const auto found = variables.find(std::string{name});
    return found == variables.end() ? std::string_view{} : std::string_view{found->second};
}

std::string read_file(const std::string& path, std::string& text) {
    std::ifstream file{path, std::ios::binary};
    if (!file || std::filesystem::is_directory(path)) return "cannot be read from " + path;
    text.assign(std::istreambuf_iterator<char>{file}, {});
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    return {};
}

// A value that starts with "@/" is read from that file.
void read_setting(Config& config, const Setting& setting, std::string text, Faults& faults) {
    std::string fault;
    if (text.starts_with("@/")) fault = read_file(text.substr(1), text);
    if (fault.empty()) fault = setting.read(config, text);
    faults.add_to(setting.name, fault);
}

// WORKERS_<ENDPOINT> is not in the table, which cannot list all endpoints.
void read_workers(Config& config, const Variables& variables, Faults& faults) {
    for (const auto& [name, value] : variables)
        if (name.starts_with(workers_prefix) && !value.empty())
            faults.add_to(name, number_of_workers.read(
                                    value, config.workers[name.substr(workers_prefix.size())]));
}

// NEON_DB_URL replaces a DATABASE_URL that is not set.
void read_neon_db_url(Config& config, const Variables& variables, Faults& faults) {
    if (config.neon_db_url.empty() || !value_of(variables, "DATABASE_URL").empty()) return;
    const auto& row = setting("DATABASE_URL");
    faults.add_to("NEON_DB_URL", row.read(config, config.neon_db_url.reveal()));
}

// The default of CORS_ORIGINS is a front end under development.
void read_cors_origins(Config& config, const Variables& variables) {
    if (config.is_production() && value_of(variables, "CORS_ORIGINS").empty())
        config.cors_origins.clear();
}

void derive(Config& config) {
    config.allowed_origins = config.cors_origins;
    if (!config.frontend_origin.empty()) config.allowed_origins.push_back(config.frontend_origin);
    if (config.jwks_url && config.jwks_issuer.empty()) config.jwks_issuer = config.jwks_url->origin;
    if (config.jwks_url && config.jwks_audience.empty())
        config.jwks_audience = config.jwks_url->origin;
    if (config.groups.contains(SettingGroup::tokens) && config.jwt_secret.empty())
        config.jwt_secret = read_secret(config.run_dir);
}

}  // namespace

std::string workers_key(std::string_view endpoint) {
    std::string key{endpoint};
    for (char& c : key) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return key;
}

std::size_t Config::worker_count(std::string_view endpoint, std::size_t default_count) const {
    const auto found = workers.find(workers_key(endpoint));
    return found == workers.end() ? default_count : found->second;
}

std::optional<std::string> Config::sqlite_path() const {
    if (!database_url.is_sqlite()) return std::nullopt;
    const std::filesystem::path file = database_url.sqlite_file;
    if (file == ":memory:" || file.is_absolute()) return file.string();
    return (run_dir / file).lexically_normal().string();
}

Config load_config(const Variables& variables, const SettingGroups& groups) {
    Config config;
    config.groups = groups;
    Faults faults;
    for (const auto& setting : settings()) {
        std::string_view value;
        if (groups.contains(setting.group)) value = value_of(variables, setting.name);
        read_setting(config, setting, std::string{value.empty() ? setting.default_value : value},
                     faults);
    }
    read_neon_db_url(config, variables, faults);
    read_cors_origins(config, variables);
    if (groups.contains(SettingGroup::service)) read_workers(config, variables, faults);
    check_rules(config, faults);
    faults.throw_if_any();
    derive(config);
    return config;
}

Config load_config() { return load_config(environment_variables()); }

Variables environment_variables() {
    Variables variables;
    for (char** variable = environ; *variable; ++variable) {
        const std::string_view line{*variable};
        const auto name = line.substr(0, line.find('='));
        // Of several variables with the same name the first one applies, as in getenv().
        if (name.size() < line.size()) variables.emplace(name, line.substr(name.size() + 1));
    }
    return variables;
}

std::string dump_config(const Config& config) {
    std::string text;
    for (const auto& setting : settings()) {
        if (!config.groups.contains(setting.group)) continue;
        text.append(setting.name).append("=").append(setting.show(config)).append("\n");
    }
    return text;
}
