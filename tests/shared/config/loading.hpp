// Loads configurations from variables, for the tests of settings.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "shared/config/config.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/folder.hpp"

namespace fs = std::filesystem;

inline constexpr auto strong_secret = "0123456789abcdef0123456789abcdef";
inline const std::string secret_required =
    "JWT_SECRET is required in production: make one with `openssl rand -hex 32`";

inline Config load(const Variables& variables) { return load_config(variables); }

inline Config load_with_secret(const Variables& variables) {
    auto config = load(variables);
    ensure_secret(config);
    return config;
}

// Sets JWT_SECRET, so that the loader does not look for one in RUN_DIR.
inline Config load_quietly(Variables variables) {
    variables.try_emplace("JWT_SECRET", strong_secret);
    return load(variables);
}

// Returns all faults, one per line, or nothing for a valid configuration.
inline std::string faults(Variables variables) {
    try {
        load_quietly(std::move(variables));
    } catch (const ConfigError& error) {
        return error.what();
    }
    return {};
}

inline Variables production(Variables more = {}) {
    more.insert({{"ENVIRONMENT", "production"}, {"JWT_SECRET", strong_secret}});
    return more;
}
