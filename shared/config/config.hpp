// The configuration: environment variables only, declared in settings.def and parsed once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/addresses.hpp"
#include "shared/config/database_url.hpp"
#include "shared/config/secret.hpp"
#include "shared/config_error.hpp"
#include "shared/log.hpp"
#include "shared/quota.hpp"
#include "shared/redis/url.hpp"

// The user of a request without a token, with DEMO_MODE=on.
inline constexpr char demo_user[] = "demo-user";

// In the order of the choices of their rows.
enum class Environment { development, test, production };
enum class PreparedStatements { when_direct, on, off };
enum class Synchronous { normal, full };
enum class UserIdFormat { any, uuid };

struct Config {
#define SETTING(name, type, member, ...) type member{};
#define SECRET SETTING
#include "shared/config/settings.def"
#undef SECRET
#undef SETTING

    // What follows from several settings:
    std::vector<std::string> allowed_origins;    // CORS_ORIGINS and FRONTEND_ORIGIN
    std::map<std::string, std::size_t> workers;  // WORKERS_AUTH_LOGIN under "AUTH_LOGIN"

    bool is_production() const { return environment == Environment::production; }

    // How many processes an endpoint gets: WORKERS_<ENDPOINT>, or the default.
    std::size_t worker_count(std::string_view endpoint, std::size_t default_count) const;

    // DATABASE_URL names a SQLite file: its path, in RUN_DIR unless it is absolute, or ":memory:".
    // Nullopt for PostgreSQL.
    std::optional<std::string> sqlite_path() const;
};

using Variables = std::map<std::string, std::string>;

// Reads and checks all settings; throws ConfigError with all faults at once. Writes nothing. A
// JWT_SECRET that is missing, and may be, is read from RUN_DIR/jwt_secret; it is empty where
// ensure_secret() has not made that file yet.
Config load_config(const Variables& variables);

// The same from the process's own environment.
Config load_config();

// Without a secret in `config`: makes RUN_DIR/jwt_secret (mode 0600), and RUN_DIR if need be, or
// takes the one that another process has made first. Throws ConfigError.
void ensure_secret(Config& config);

// "NAME=value" lines; secrets are masked.
std::string dump_config(const Config& config);
