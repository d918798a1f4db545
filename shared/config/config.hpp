// The configuration: environment variables only, declared in settings.def and parsed once.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/addresses.hpp"
#include "shared/config/database_url.hpp"
#include "shared/config/secret.hpp"
#include "shared/config/setting_group.hpp"
#include "shared/config_error.hpp"
#include "shared/log.hpp"
#include "shared/rate.hpp"
#include "shared/redis/url.hpp"

// The user of a request without a token if DEMO_MODE is on.
inline constexpr char demo_user[] = "demo-user";

// The JWKS_AUDIENCE with which the audience of tokens is not checked.
inline constexpr std::string_view any_audience = "any";

// WORKERS_<ENDPOINT> is the number of an endpoint's processes. It is read by the service.
inline constexpr std::string_view workers_prefix = "WORKERS_";

// The enumerators are in the order of the choices in settings.def.
enum class Environment { development, test, production };
enum class PreparedStatements { when_direct, on, off };
enum class SignUp { open, closed };
enum class Synchronous { normal, full };
enum class UserIdFormat { any, uuid };

struct Config {
#define SETTING(name, group, type, member, ...) type member{};
#define SECRET SETTING
#include "shared/config/settings.def"
#undef SECRET
#undef SETTING

    SettingGroups groups;  // the groups that were read; the other settings have their defaults

    // Derived from several settings:
    std::vector<std::string> allowed_origins;    // CORS_ORIGINS and FRONTEND_ORIGIN
    std::map<std::string, std::size_t> workers;  // WORKERS_AUTH_LOGIN under "AUTH_LOGIN"

    bool has_tls() const { return !tls_certificate.empty(); }
    bool is_production() const { return environment == Environment::production; }

    // The number of processes of an endpoint: WORKERS_<ENDPOINT>, or the default.
    std::size_t worker_count(std::string_view endpoint, std::size_t default_count) const;

    // The SQLite file that DATABASE_URL names: in RUN_DIR unless it is absolute, or ":memory:".
    // Nullopt for PostgreSQL.
    std::optional<std::string> sqlite_path() const;
};

// What follows WORKERS_ for an endpoint: "AUTH_LOGIN" for auth_login.
std::string workers_key(std::string_view endpoint);

using Variables = std::map<std::string, std::string>;

// Reads and checks the settings of `groups`; throws ConfigError with all faults at once. The other
// settings keep their defaults, whatever the variables say, and rules that read them do not apply.
// Writes nothing. A missing JWT_SECRET, where it is optional, is read from RUN_DIR/jwt_secret; it
// stays empty until ensure_secret() has created that file.
Config load_config(const Variables& variables, const SettingGroups& groups = all_setting_groups());

// All settings, from the environment of this process.
Config load_config();

// The environment of this process.
Variables environment_variables();

// If `config` has tokens but no secret: creates RUN_DIR/jwt_secret (mode 0600), and RUN_DIR if
// necessary, or reads the one that another process has created first. Throws ConfigError.
void ensure_secret(Config& config);

// "NAME=value" lines of the settings that were read; secrets are masked.
std::string dump_config(const Config& config);
