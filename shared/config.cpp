#include "shared/config.hpp"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "shared/text.hpp"

namespace {

constexpr std::array table = {
    Setting{"BCRYPT_COST", &Config::bcrypt_cost, "12", "Work factor of new password hashes", 4, 15},
    Setting{"CORS_ORIGINS", &Config::cors_origins, "http://localhost:3001",
            "Origins that may call from a browser, separated by commas"},
    Setting{.name = "DATABASE_URL",
            .member = &Config::database_url,
            .default_value = "sqlite:///./steelthread.db",
            .description = "`postgresql://user:password@host/db?sslmode=require` (all of libpq's "
                           "parameters), `sqlite:///relative.db` (relative to RUN_DIR) or "
                           "`sqlite:////absolute.db`",
            .is_secret = true},
    Setting{"DB_CONNECT_TIMEOUT_MS", &Config::db_connect_timeout_ms, "2000",
            "Longest wait for one connection attempt", 10, 60'000},
    Setting{"DB_DEADLINE_MS", &Config::db_deadline_ms, "3000",
            "Longest wait for the database's answer; then 503", 10, 60'000},
    Setting{"DB_POOL_SIZE", &Config::db_pool_size, "4",
            "Most database connections of one handler process", 1, 100},
    Setting{.name = "DB_PREPARE",
            .member = &Config::db_prepare,
            .default_value = "auto",
            .description =
                "Named prepared statements: `auto` uses them on direct connections and not "
                "through a pooler",
            .choices = "auto|on|off"},
    Setting{"DEV_USER_EMAIL", &Config::dev_user_email, "",
            "E-mail of an account made by `migrate up`; refused in production"},
    Setting{.name = "DEV_USER_PASSWORD",
            .member = &Config::dev_user_password,
            .default_value = "",
            .description = "Its password, 8 to 72 bytes",
            .is_secret = true},
    Setting{.name = "ENVIRONMENT",
            .member = &Config::environment,
            .default_value = "development",
            .description = "`production` insists on strong secrets",
            .choices = "development|test|production"},
    Setting{"FRONTEND_ORIGIN", &Config::frontend_origin, "",
            "One more origin that may call from a browser"},
    Setting{"HOST", &Config::host, "127.0.0.1",
            "Address that nginx listens on (0.0.0.0 in the image)"},
    Setting{"JWT_EXPIRE_MINUTES", &Config::jwt_expire_minutes, "60", "Lifetime of a token", 1,
            525'600},
    Setting{.name = "JWT_SECRET",
            .member = &Config::jwt_secret,
            .default_value = "",
            .description =
                "Signs this service's tokens (HS256), at least 32 bytes in production; made "
                "and kept in RUN_DIR when missing in development",
            .is_secret = true},
    Setting{.name = "JWT_SECRET_PREVIOUS",
            .member = &Config::jwt_secret_previous,
            .default_value = "",
            .description = "Still verifies tokens while JWT_SECRET is being rotated",
            .is_secret = true},
    Setting{.name = "LOG_LEVEL",
            .member = &Config::log_level,
            .default_value = "info",
            .description = "Least severe lines that the handlers log",
            .choices = "debug|info|warning|error"},
    Setting{.name = "NEON_DB_URL",
            .member = &Config::neon_db_url,
            .default_value = "",
            .description = "Taken when DATABASE_URL is not set",
            .is_secret = true},
    Setting{"PORT", &Config::port, "8000", "Port that nginx listens on", 1, 65'535},
    Setting{"RUN_DIR", &Config::run_dir, "./run",
            "Where sockets, rendered configuration, pids and the SQLite file lie"},
    Setting{.name = "SQLITE_SYNCHRONOUS",
            .member = &Config::sqlite_synchronous,
            .default_value = "FULL",
            .description =
                "`FULL` loses nothing; `NORMAL` is faster and may lose the last commits in a "
                "power cut, but nothing when a process dies",
            .choices = "NORMAL|FULL"},
};

constexpr std::string_view forbidden_secrets[] = {"change-me-change-me-change-me-change-me"};

std::string read_file(std::string_view setting, const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file || std::filesystem::is_directory(path))
        throw ConfigError(std::string{setting} + " cannot be read from " + path);
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    return text;
}

// True when a setting has a fault already: what follows from that is no news.
bool is_faulty(std::string_view setting, const std::vector<std::string>& faults) {
    return std::any_of(faults.begin(), faults.end(), [&](std::string_view fault) {
        return fault.starts_with(setting) && fault.substr(setting.size()).starts_with(' ');
    });
}

bool is_choice(std::string_view choices, std::string_view value) {
    const std::string list = "|" + std::string{choices} + "|";
    return !value.empty() && value.find('|') == value.npos &&
           list.find("|" + std::string{value} + "|") != list.npos;
}

void store(Config& config, const Setting& setting, const std::string& value) {
    const auto fail = [&](const std::string& why) {
        throw ConfigError(std::string{setting.name} + " " + why);
    };
    if (const auto* text = std::get_if<std::string Config::*>(&setting.member)) {
        if (!setting.choices.empty() && !is_choice(setting.choices, value))
            fail("must be one of " + std::string{setting.choices});
        if (has_control_bytes(value)) fail("holds a control character");
        config.*(*text) = value;
        return;
    }
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || number < setting.minimum ||
        number > setting.maximum)
        fail("must be a whole number from " + std::to_string(setting.minimum) + " to " +
             std::to_string(setting.maximum));
    config.*std::get<std::int64_t Config::*>(setting.member) = number;
}

// Makes a secret and its file, which is complete before it appears under its name; the first
// process to come wins.
void make_secret(const std::string& run_dir, const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(run_dir, error);
    if (error) throw ConfigError("RUN_DIR cannot be made: " + run_dir + ": " + error.message());
    std::string bytes(32, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), 32) != 1)
        throw ConfigError("no random bytes for JWT_SECRET");
    const std::string own = path + "." + std::to_string(getpid());
    const int fd = open(own.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const std::string secret = hex(bytes);
    const bool is_written =
        fd >= 0 && write(fd, secret.data(), secret.size()) == static_cast<ssize_t>(secret.size());
    if (fd >= 0) close(fd);
    if (!is_written) throw ConfigError("cannot write " + own);
    [[maybe_unused]] const int lost_race = link(own.c_str(), path.c_str());
    unlink(own.c_str());
}

// One secret for all processes of a development run.
std::string development_secret(const std::string& run_dir) {
    const std::string path = run_dir + "/jwt_secret";
    std::error_code error;
    if (!std::filesystem::exists(path, error)) make_secret(run_dir, path);
    auto secret = read_file("JWT_SECRET", path);
    if (secret.empty()) throw ConfigError(path + " holds no secret: remove it");
    return secret;
}

void check_production(const Config& config, std::vector<std::string>& faults) {
    if (config.jwt_secret.empty() && !is_faulty("JWT_SECRET", faults))
        faults.emplace_back("JWT_SECRET is required in production");
    for (const auto& setting : table) {
        if (setting.name.find("SECRET") == setting.name.npos) continue;
        const auto& value = config.*std::get<std::string Config::*>(setting.member);
        if (value.empty()) continue;
        if (value.size() < 32)
            faults.push_back(std::string{setting.name} +
                             " must have at least 32 bytes in production");
        for (const auto forbidden : forbidden_secrets)
            if (value == forbidden)
                faults.push_back(std::string{setting.name} +
                                 " is the printed example: make your own");
    }
    if (!config.dev_user_email.empty())
        faults.emplace_back("DEV_USER_EMAIL is refused in production");
}

void check_database(const Config& config, std::vector<std::string>& faults) {
    const std::string_view url = config.database_url;
    if (is_faulty("DATABASE_URL", faults)) return;
    if (!url.starts_with("postgresql://") && !url.starts_with("postgres://") &&
        !url.starts_with("sqlite:///"))
        faults.emplace_back("DATABASE_URL must start with postgresql:// or sqlite:///");
}

}  // namespace

std::span<const Setting> settings() { return table; }

std::vector<std::string> Config::allowed_origins() const {
    std::vector<std::string> origins;
    std::string_view rest = cors_origins;
    while (!rest.empty()) {
        const auto comma = std::min(rest.find(','), rest.size());
        if (const auto origin = trimmed(rest.substr(0, comma)); !origin.empty())
            origins.emplace_back(origin);
        rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    if (!frontend_origin.empty()) origins.push_back(frontend_origin);
    return origins;
}

std::optional<std::string> Config::sqlite_path() const {
    constexpr std::string_view scheme = "sqlite:///";
    if (!database_url.starts_with(scheme)) return std::nullopt;
    const std::string path = database_url.substr(scheme.size());
    if (path.empty() || path == ":memory:") return ":memory:";
    if (path.starts_with('/')) return path;
    return (std::filesystem::path{run_dir} / path).lexically_normal().string();
}

Config load_config(const Environment& environment) {
    Config config;
    std::vector<std::string> faults;
    for (const auto& setting : table) {
        try {
            auto value = environment(std::string{setting.name});
            // An empty variable is how compose files and platforms say "not set".
            if (!value || value->empty()) value = std::string{setting.default_value};
            if (value->starts_with("@/")) value = read_file(setting.name, value->substr(1));
            store(config, setting, *value);
        } catch (const ConfigError& error) {
            faults.emplace_back(error.what());
        }
    }
    const auto url = environment("DATABASE_URL");
    if ((!url || url->empty()) && !config.neon_db_url.empty())
        config.database_url = config.neon_db_url;
    check_database(config, faults);
    if (config.is_production()) check_production(config, faults);
    if (faults.empty()) {
        if (config.jwt_secret.empty()) config.jwt_secret = development_secret(config.run_dir);
        return config;
    }
    std::string all;
    for (const auto& fault : faults) all += (all.empty() ? "" : "\n") + fault;
    throw ConfigError(all);
}

Config load_config() {
    return load_config([](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value ? std::optional<std::string>{value} : std::nullopt;
    });
}

std::string dump_config(const Config& config) {
    std::string text;
    for (const auto& setting : table) {
        text += std::string{setting.name} + "=";
        if (const auto* member = std::get_if<std::string Config::*>(&setting.member)) {
            const auto& value = config.*(*member);
            text += setting.is_secret && !value.empty() ? "********" : value;
        } else {
            text += std::to_string(config.*std::get<std::int64_t Config::*>(setting.member));
        }
        text += '\n';
    }
    return text;
}
