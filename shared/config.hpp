// The configuration: environment variables only, declared in one table that also generates
// .env.example and the README's table. A value that starts with "@/" is read from that file.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shared/config_error.hpp"

// Who sends no token, with DEMO_MODE=on.
inline constexpr char demo_user[] = "demo-user";

struct Config {
    std::string api_keys;
    std::string api_prefix;
    std::int64_t bcrypt_cost{};
    std::string better_auth_secret;
    std::string cors_origins;
    std::string database_url;
    std::int64_t db_connect_timeout_ms{};
    std::int64_t db_deadline_ms{};
    std::int64_t db_pool_size{};
    std::string db_prepare;
    std::string demo_mode;
    std::string dev_user_email;
    std::string dev_user_password;
    std::string environment;
    std::string frontend_origin;
    std::string host;
    std::string jwks_audience;  // the origin of JWKS_URL unless it is set, as the issuer
    std::string jwks_file;
    std::string jwks_issuer;
    std::string jwks_url;
    std::int64_t jwt_expire_minutes{};
    std::string jwt_secret;
    std::string jwt_secret_previous;
    std::string log_level;
    std::string login_rate_limit;
    std::string neon_db_url;
    std::int64_t port{};
    std::string prestart;
    std::string rate_limit;
    std::string redis_url;
    std::string run_dir;
    std::string sqlite_synchronous;
    std::string trusted_proxies;
    std::string user_id_format;
    std::map<std::string, std::int64_t> workers;  // WORKERS_AUTH_LOGIN under "AUTH_LOGIN"

    bool is_production() const { return environment == "production"; }

    // A request without a token acts as `demo_user`.
    bool is_demo() const { return demo_mode == "on"; }

    // All endpoints start with the service.
    bool is_prestarted() const { return prestart == "on"; }

    // CORS_ORIGINS and FRONTEND_ORIGIN, split.
    std::vector<std::string> allowed_origins() const;

    // API_KEYS, split: who has one of them may work with jobs.
    std::vector<std::string> accepted_api_keys() const;

    // TRUSTED_PROXIES, split.
    std::vector<std::string> trusted_networks() const;

    // How many processes an endpoint gets: WORKERS_<ENDPOINT>, or the default.
    std::size_t worker_count(std::string_view endpoint, std::size_t default_count) const;

    // DATABASE_URL names a SQLite file: its path (":memory:" for a database in memory). A relative
    // path is relative to RUN_DIR. Nullopt for PostgreSQL.
    std::optional<std::string> sqlite_path() const;
};

struct Setting {
    using Member = std::variant<std::string Config::*, std::int64_t Config::*>;

    std::string_view name;
    Member member;
    std::string_view default_value;
    std::string_view description;
    std::int64_t minimum = std::numeric_limits<std::int64_t>::min();
    std::int64_t maximum = std::numeric_limits<std::int64_t>::max();
    std::string_view choices = {};  // "a|b|c": the only values allowed
    bool is_secret = false;
};

// The table, in alphabetical order.
std::span<const Setting> settings();

using Environment = std::map<std::string, std::string>;

// Reads and checks all settings; throws ConfigError with all faults at once. Writes nothing. A
// JWT_SECRET that is missing, and may be, is that of RUN_DIR/jwt_secret, and empty where
// ensure_secret() has not made it yet.
Config load_config(const Environment& environment);

// The same from the process's own environment.
Config load_config();

// Without a secret in `config`: makes RUN_DIR/jwt_secret (mode 0600), and RUN_DIR if need be, or
// takes what another process was faster to make. Throws ConfigError.
void ensure_secret(Config& config);

// "NAME=value" lines; secrets and passwords are masked.
std::string dump_config(const Config& config);
