#include "shared/config/rules.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "shared/config/config.hpp"
#include "shared/config/faults.hpp"
#include "shared/config/setting.hpp"
#include "shared/password_bounds.hpp"

namespace {

struct Rule {
    std::array<std::string_view, 3> reads;  // the last ones may be empty
    std::string_view fault;
    bool (*is_broken)(const Config& config);
};

constexpr std::size_t min_secret_bytes = 32;
constexpr std::size_t min_api_key_bytes = 16;
constexpr int min_production_cost = 10;  // OWASP, Password Storage Cheat Sheet

bool is_weak(const Secret& secret) { return !secret.empty() && secret.size() < min_secret_bytes; }

bool has_weak_key(const Config& config) {
    return std::any_of(config.api_keys.begin(), config.api_keys.end(),
                       [](const auto& key) { return key.size() < min_api_key_bytes; });
}

// Other machines can connect, so secrets must be as strong as in production. Production has rules
// of its own.
bool is_exposed(const Config& config) {
    return !config.is_production() && config.host != "::1" && !config.host.starts_with("127.");
}

constexpr Rule rules[] = {
    // Outside production a missing secret is created from 32 random bytes.
    {{"ENVIRONMENT", "JWT_SECRET"},
     "JWT_SECRET is required in production: make one with `openssl rand -hex 32`",
     [](const Config& config) { return config.is_production() && config.jwt_secret.empty(); }},
    {{"ENVIRONMENT", "JWT_SECRET"},
     "JWT_SECRET must have at least 32 bytes in production",
     [](const Config& config) { return config.is_production() && is_weak(config.jwt_secret); }},
    {{"ENVIRONMENT", "JWT_SECRET_PREVIOUS"},
     "JWT_SECRET_PREVIOUS must have at least 32 bytes in production",
     [](const Config& config) {
         return config.is_production() && is_weak(config.jwt_secret_previous);
     }},
    {{"ENVIRONMENT", "BETTER_AUTH_SECRET"},
     "BETTER_AUTH_SECRET must have at least 32 bytes in production",
     [](const Config& config) {
         return config.is_production() && is_weak(config.better_auth_secret);
     }},
    {{"ENVIRONMENT", "HOST", "JWT_SECRET"},
     "JWT_SECRET must have at least 32 bytes where HOST is not a loopback address",
     [](const Config& config) { return is_exposed(config) && is_weak(config.jwt_secret); }},
    {{"ENVIRONMENT", "HOST", "JWT_SECRET_PREVIOUS"},
     "JWT_SECRET_PREVIOUS must have at least 32 bytes where HOST is not a loopback address",
     [](const Config& config) {
         return is_exposed(config) && is_weak(config.jwt_secret_previous);
     }},
    {{"ENVIRONMENT", "HOST", "BETTER_AUTH_SECRET"},
     "BETTER_AUTH_SECRET must have at least 32 bytes where HOST is not a loopback address",
     [](const Config& config) { return is_exposed(config) && is_weak(config.better_auth_secret); }},
    {{"ENVIRONMENT", "API_KEYS"},
     "API_KEYS must have at least 16 bytes each in production",
     [](const Config& config) { return config.is_production() && has_weak_key(config); }},
    {{"ENVIRONMENT", "HOST", "API_KEYS"},
     "API_KEYS must have at least 16 bytes each where HOST is not a loopback address",
     [](const Config& config) { return is_exposed(config) && has_weak_key(config); }},
    {{"ENVIRONMENT", "DEMO_MODE"},
     "DEMO_MODE must be off in production: it lets anyone write without a token",
     [](const Config& config) { return config.is_production() && config.demo_mode; }},
    {{"ENVIRONMENT", "BCRYPT_COST"},
     "BCRYPT_COST must be at least 10 in production",
     [](const Config& config) {
         return config.is_production() && config.bcrypt_cost < min_production_cost;
     }},
    // Tokens of BETTER_AUTH_SECRET may name any issuer: with the same secret they could not be
    // distinguished from this service's own.
    {{"BETTER_AUTH_SECRET", "JWT_SECRET", "JWT_SECRET_PREVIOUS"},
     "BETTER_AUTH_SECRET must differ from JWT_SECRET and JWT_SECRET_PREVIOUS",
     [](const Config& config) {
         return !config.better_auth_secret.empty() &&
                (config.better_auth_secret == config.jwt_secret ||
                 config.better_auth_secret == config.jwt_secret_previous);
     }},
    {{"JWKS_URL", "JWKS_FILE"},
     "JWKS_URL and JWKS_FILE cannot both be set",
     [](const Config& config) { return config.jwks_url && !config.jwks_file.empty(); }},
    {{"TLS_CERTIFICATE", "TLS_KEY"},
     "TLS_CERTIFICATE and TLS_KEY must be set together",
     [](const Config& config) { return config.tls_certificate.empty() != config.tls_key.empty(); }},
    // nginx would answer with one of them what is sent to the other.
    {{"METRICS_LISTEN", "PORT"},
     "METRICS_LISTEN must have another port than PORT",
     [](const Config& config) {
         return config.metrics_listen && config.metrics_listen->port == config.port;
     }},
    {{"DEMO_MODE", "USER_ID_FORMAT"},
     "DEMO_MODE needs USER_ID_FORMAT=any: demo-user is not a UUID",
     [](const Config& config) {
         return config.demo_mode && config.user_id_format == UserIdFormat::uuid;
     }},
    {{"ENVIRONMENT", "JWKS_URL"},
     "JWKS_URL must be https in production",
     [](const Config& config) {
         const auto& url = config.jwks_url;
         return config.is_production() && url && !url->is_encrypted && !url->is_loopback;
     }},
    {{"ENVIRONMENT", "DEV_USER_EMAIL"},
     "DEV_USER_EMAIL is refused in production",
     [](const Config& config) { return config.is_production() && !config.dev_user_email.empty(); }},
    {{"ENVIRONMENT", "DEV_USER_EMAIL", "DEV_USER_PASSWORD"},
     "DEV_USER_PASSWORD must have 8 to 72 bytes",
     [](const Config& config) {
         const auto size = config.dev_user_password.size();
         return !config.is_production() && !config.dev_user_email.empty() &&
                (size < min_password_bytes || size > max_password_bytes);
     }},
};

bool can_be_checked(const Rule& rule, const Config& config, const Faults& faults) {
    return std::all_of(rule.reads.begin(), rule.reads.end(), [&](std::string_view name) {
        return name.empty() ||
               (config.groups.contains(setting(name).group) && !faults.is_faulty(name));
    });
}

}  // namespace

void check_rules(const Config& config, Faults& faults) {
    for (const auto& rule : rules)
        if (can_be_checked(rule, config, faults) && rule.is_broken(config)) faults.add(rule.fault);
}
