#include "shared/config.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "shared/password_bounds.hpp"
#include "shared/quota.hpp"
#include "shared/redis/url.hpp"
#include "shared/run_dir.hpp"
#include "shared/text.hpp"

namespace {

constexpr std::array table = {
    Setting{.name = "API_KEYS",
            .member = &Config::api_keys,
            .default_value = "",
            .description = "Keys for jobs and their events, separated by commas, each of at least "
                           "16 bytes; without "
                           "any nobody may use them",
            .is_secret = true},
    Setting{"API_PREFIX", &Config::api_prefix, "/api/v1", "Where nginx offers the personal API"},
    Setting{"BCRYPT_COST", &Config::bcrypt_cost, "12",
            "Work factor of new password hashes, at least 10 in production", 4, 15},
    Setting{.name = "BETTER_AUTH_SECRET",
            .member = &Config::better_auth_secret,
            .default_value = "",
            .description =
                "Verifies tokens that a front end signs with this secret (HS256), of any "
                "issuer and audience",
            .is_secret = true},
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
    Setting{
        .name = "DEMO_MODE",
        .member = &Config::demo_mode,
        .default_value = "off",
        .description =
            "`on`: a request without a token acts as `demo-user`, also on the board and the feed; "
            "refused in production",
        .choices = "on|off"},
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
            .description =
                "`production` insists on strong secrets and hashes, and refuses DEMO_MODE and root",
            .choices = "development|test|production"},
    Setting{"FRONTEND_ORIGIN", &Config::frontend_origin, "",
            "One more origin that may call from a browser"},
    Setting{"HOST", &Config::host, "127.0.0.1",
            "Address that nginx listens on (0.0.0.0 in the image)"},
    Setting{"JWKS_AUDIENCE", &Config::jwks_audience, "",
            "`aud` of the tokens that keys of JWKS_URL or JWKS_FILE sign; the origin of JWKS_URL "
            "when missing"},
    Setting{"JWKS_FILE", &Config::jwks_file, "",
            "A file with the public keys of another issuer, read again when it changes"},
    Setting{"JWKS_ISSUER", &Config::jwks_issuer, "",
            "`iss` of these tokens; the origin of JWKS_URL when missing"},
    Setting{.name = "JWKS_URL",
            .member = &Config::jwks_url,
            .default_value = "",
            .description = "Public keys of another issuer, such as "
                           "`https://example.org/api/auth/jwks` of Better Auth (EdDSA, ES256, "
                           "ES512, RS256, PS256)",
            .is_secret = true},
    Setting{"JWT_EXPIRE_MINUTES", &Config::jwt_expire_minutes, "60", "Lifetime of a token", 1,
            525'600},
    Setting{.name = "JWT_SECRET",
            .member = &Config::jwt_secret,
            .default_value = "",
            .description =
                "Signs this service's tokens (HS256). At least 32 bytes in production and wherever "
                "HOST is not a loopback address; made and kept in RUN_DIR when missing outside "
                "production",
            .is_secret = true},
    Setting{.name = "JWT_SECRET_PREVIOUS",
            .member = &Config::jwt_secret_previous,
            .default_value = "",
            .description = "Still verifies tokens while JWT_SECRET is being rotated",
            .is_secret = true},
    Setting{"LOGIN_RATE_LIMIT", &Config::login_rate_limit, "10/minute",
            "Attempts to log in or sign up for one e-mail, and from one address; per second, "
            "minute, hour or day"},
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
    Setting{.name = "PRESTART",
            .member = &Config::prestart,
            .default_value = "off",
            .description = "`on`: all endpoints start with the service, and not each with its "
                           "first request",
            .choices = "on|off"},
    Setting{"RATE_LIMIT", &Config::rate_limit, "60/minute",
            "Requests to `/jobs` with one API key; per second, minute, hour or day"},
    Setting{.name = "REDIS_URL",
            .member = &Config::redis_url,
            .default_value = "memory://",
            .description =
                "Where limits are counted: `memory://`, by all processes of one RUN_DIR, or "
                "`redis://[user:password@]host[:port][/database]`, by all that use it",
            .is_secret = true},
    Setting{"RUN_DIR", &Config::run_dir, "./run",
            "Directory for sockets, rendered configuration, pids and the SQLite file, used by this "
            "service only; created if missing"},
    Setting{.name = "SQLITE_SYNCHRONOUS",
            .member = &Config::sqlite_synchronous,
            .default_value = "FULL",
            .description =
                "`FULL` loses nothing; `NORMAL` is faster and may lose the last commits in a "
                "power cut, but nothing when a process dies",
            .choices = "NORMAL|FULL"},
    Setting{"TRUSTED_PROXIES", &Config::trusted_proxies, "",
            "Addresses or networks (`10.0.0.0/8`), separated by commas, whose `X-Forwarded-For` "
            "tells the client's address"},
    Setting{.name = "USER_ID_FORMAT",
            .member = &Config::user_id_format,
            .default_value = "any",
            .description = "`uuid` refuses tokens whose user id is no UUID",
            .choices = "any|uuid"},
};

constexpr std::int64_t most_workers = 64;
constexpr std::size_t min_secret_bytes = 32;
constexpr std::size_t min_api_key_bytes = 16;
constexpr std::int64_t min_production_cost = 10;  // OWASP, Password Storage Cheat Sheet

std::string read_file(std::string_view setting, const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file || std::filesystem::is_directory(path))
        throw ConfigError(std::string{setting} + " cannot be read from " + path);
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    return text;
}

std::vector<std::string> comma_separated(std::string_view text) {
    std::vector<std::string> items;
    for (const auto part : split(text, ','))
        if (const auto item = trimmed(part); !item.empty()) items.emplace_back(item);
    return items;
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

std::int64_t whole_number(std::string_view setting, std::string_view value, std::int64_t minimum,
                          std::int64_t maximum) {
    std::int64_t number = 0;
    const auto* const end = value.data() + value.size();
    const auto parsed = std::from_chars(value.data(), end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end || number < minimum || number > maximum)
        throw ConfigError(std::string{setting} + " must be a whole number from " +
                          std::to_string(minimum) + " to " + std::to_string(maximum));
    return number;
}

void store(Config& config, const Setting& setting, const std::string& value) {
    if (const auto* number = std::get_if<std::int64_t Config::*>(&setting.member)) {
        config.*(*number) = whole_number(setting.name, value, setting.minimum, setting.maximum);
        return;
    }
    const std::string name{setting.name};
    if (!setting.choices.empty() && !is_choice(setting.choices, value))
        throw ConfigError(name + " must be one of " + std::string{setting.choices});
    if (has_control_bytes(value)) throw ConfigError(name + " holds a control character");
    config.*std::get<std::string Config::*>(setting.member) = value;
}

std::string secret_path(const std::string& run_dir) { return run_dir + "/jwt_secret"; }

// Makes a secret and its file, which is complete before it appears under its name; the first
// process to come wins.
void make_secret(const std::string& path) {
    std::string bytes(32, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), 32) != 1)
        throw ConfigError("no random bytes for JWT_SECRET");
    std::string own = path + ".XXXXXX";
    const int fd = mkostemp(own.data(), O_CLOEXEC);
    const std::string secret = hex(bytes);
    const bool is_written =
        fd >= 0 && write(fd, secret.data(), secret.size()) == static_cast<ssize_t>(secret.size());
    const std::string reason = is_written ? "" : std::strerror(errno);
    if (fd >= 0) close(fd);
    if (!is_written) throw ConfigError("cannot write " + own + ": " + reason);
    [[maybe_unused]] const int lost_race = link(own.c_str(), path.c_str());
    unlink(own.c_str());
}

// One secret for all processes of a development run; empty before it is made. Only what was opened
// is judged: RUN_DIR may be a folder where others can leave something.
std::string kept_secret(const std::string& run_dir) {
    const auto path = secret_path(run_dir);
    const int fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return {};
    if (fd < 0 && errno != ELOOP) throw ConfigError(path + ": " + std::strerror(errno));
    struct stat status {};
    const bool is_own =
        fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid();
    char buffer[4096];
    const auto size = is_own ? read(fd, buffer, sizeof buffer) : 0;
    if (fd >= 0) close(fd);
    if (!is_own) throw ConfigError(path + " is not a regular file owned by this user: remove it");
    std::string secret{buffer, size > 0 ? static_cast<std::size_t>(size) : 0};
    while (secret.ends_with('\n') || secret.ends_with('\r')) secret.pop_back();
    if (secret.empty()) throw ConfigError(path + " holds no secret: remove it");
    return secret;
}

// WORKERS_<ENDPOINT>: no table can name them all.
void take_workers(const Environment& environment, Config& config,
                  std::vector<std::string>& faults) {
    constexpr std::string_view prefix = "WORKERS_";
    for (const auto& [name, value] : environment) {
        if (!name.starts_with(prefix) || value.empty()) continue;
        try {
            config.workers[name.substr(prefix.size())] = whole_number(name, value, 1, most_workers);
        } catch (const ConfigError& error) {
            faults.emplace_back(error.what());
        }
    }
}

// libpq's own words could hold a part of the password.
void check_database(const Config& config, std::vector<std::string>& faults) {
    const auto& url = config.database_url;
    if (is_faulty("DATABASE_URL", faults) || url.starts_with("sqlite:///")) return;
    if (!url.starts_with("postgresql://") && !url.starts_with("postgres://")) {
        faults.emplace_back("DATABASE_URL must start with postgresql:// or sqlite:///");
        return;
    }
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options{
        PQconninfoParse(url.c_str(), nullptr), &PQconninfoFree};
    if (!options)
        faults.emplace_back(
            "DATABASE_URL is malformed: postgresql://user:password@host:port/database, special "
            "characters as %XX, and only parameters that libpq knows");
}

bool is_address(const std::string& host) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
           inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

// An address, or one with the length of a prefix. nginx gets it as a word of its configuration.
bool is_network(std::string_view network) {
    const auto slash = network.find('/');
    const auto address = network.substr(0, slash);
    if (!is_address(std::string{address})) return false;
    if (slash == network.npos) return true;
    const auto length = network.substr(slash + 1);
    const int longest = address.find(':') == address.npos ? 32 : 128;
    int bits = -1;
    const auto parsed = std::from_chars(length.data(), length.data() + length.size(), bits);
    return parsed.ec == std::errc{} && parsed.ptr == length.data() + length.size() && bits >= 0 &&
           bits <= longest;
}

// Scheme, host and port, as browsers send them; anything else would match no Origin header, and
// could be nginx's syntax.
bool is_origin(std::string_view origin) {
    const auto is_made_of = [](std::string_view text, std::string_view others) {
        return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) || others.find(c) != others.npos;
        });
    };
    const auto scheme = origin.find("://");
    if (scheme == origin.npos || !is_made_of(origin.substr(0, scheme), "+-.")) return false;
    auto host = origin.substr(scheme + 3);
    const auto port = host.find(':', host.starts_with('[') ? host.find(']') : 0);
    if (port != host.npos) {
        const auto digits = host.substr(port + 1);
        if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos) return false;
        host = host.substr(0, port);
    }
    if (host.starts_with('[') && host.ends_with(']'))
        return is_address(std::string{host.substr(1, host.size() - 2)});
    return is_made_of(host, ".-_");
}

// Segments of unreserved characters without dots: nginx gets it as part of regular expressions.
bool is_prefix(std::string_view path) {
    if (!path.starts_with('/')) return false;
    const auto segments = split(path.substr(1), '/');
    return !segments.empty() && std::all_of(segments.begin(), segments.end(), [](auto segment) {
        return !segment.empty() && std::all_of(segment.begin(), segment.end(), [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
        });
    });
}

void check_addresses(const Config& config, std::vector<std::string>& faults) {
    if (!is_prefix(config.api_prefix))
        faults.emplace_back(
            "API_PREFIX must be a path of letters, digits, - and _, without a final slash: "
            "/api/v1");
    if (!is_faulty("HOST", faults) && !is_address(config.host))
        faults.emplace_back("HOST must be an IPv4 or IPv6 address");
    for (const auto& origin : config.allowed_origins())
        if (!is_origin(origin))
            faults.push_back("CORS_ORIGINS or FRONTEND_ORIGIN: " + origin +
                             " is no origin: scheme://host:port, without a path or a final slash");
    for (const auto& network : config.trusted_networks())
        if (!is_network(network))
            faults.push_back("TRUSTED_PROXIES: " + network +
                             " is no address and no network such as 10.0.0.0/8");
}

void check_limits(const Config& config, std::vector<std::string>& faults) {
    for (const auto& [name, limit] : {std::pair{"LOGIN_RATE_LIMIT", config.login_rate_limit},
                                      std::pair{"RATE_LIMIT", config.rate_limit}})
        if (!is_faulty(name, faults) && !parse_quota(limit))
            faults.push_back(
                name + std::string{" must be a number from 1 and a unit, at most 1000 in a second: "
                                   "10/second, 10/minute, 10/hour or 10/day"});
    if (!is_faulty("REDIS_URL", faults) && config.redis_url != "memory://" &&
        !parse_redis_url(config.redis_url))
        faults.emplace_back(
            "REDIS_URL must be memory:// or redis://user:password@host:port/database, where only "
            "the host is needed, special characters as %XX");
}

// Without the key itself, which may be right but for its end.
void check_api_keys(const Config& config, std::vector<std::string>& faults) {
    const auto keys = config.accepted_api_keys();
    if (std::any_of(keys.begin(), keys.end(),
                    [](const auto& key) { return key.size() < min_api_key_bytes; }))
        faults.emplace_back("API_KEYS must have at least 16 bytes in each key");
    if (std::any_of(keys.begin(), keys.end(), [](const auto& key) {
            return std::any_of(key.begin(), key.end(), [](char c) { return c <= ' ' || c > '~'; });
        }))
        faults.emplace_back("API_KEYS must be visible ASCII: a header carries them");
}

// What listens for others than this machine is as good as in production.
void check_secrets(const Config& config, std::vector<std::string>& faults) {
    const bool is_local =
        is_faulty("HOST", faults) || config.host == "::1" || config.host.starts_with("127.");
    if (!config.is_production() && is_local) return;
    const std::string where =
        config.is_production() ? " in production" : " where HOST is not a loopback address";
    // Elsewhere a missing one is made, of 32 random bytes.
    if (config.is_production() && config.jwt_secret.empty() && !is_faulty("JWT_SECRET", faults))
        faults.emplace_back(
            "JWT_SECRET is required in production: make one with `openssl rand -hex 32`");
    for (const auto& [name, secret] : {std::pair{"JWT_SECRET", config.jwt_secret},
                                       std::pair{"JWT_SECRET_PREVIOUS", config.jwt_secret_previous},
                                       std::pair{"BETTER_AUTH_SECRET", config.better_auth_secret}})
        if (!secret.empty() && secret.size() < min_secret_bytes)
            faults.push_back(name + (" must have at least 32 bytes" + where));
}

// What is for trying things out, and what makes hashes that are guessed quickly.
void check_production(const Config& config, std::vector<std::string>& faults) {
    if (!config.is_production()) return;
    if (config.is_demo())
        faults.emplace_back(
            "DEMO_MODE must be off in production: it lets anyone write without a token");
    if (!is_faulty("BCRYPT_COST", faults) && config.bcrypt_cost < min_production_cost)
        faults.push_back("BCRYPT_COST must be at least " + std::to_string(min_production_cost) +
                         " in production");
}

// The parts of an http or https URL that is free of user names, spaces and fragments.
struct Url {
    std::string scheme;
    std::string host;  // lower case, an IPv6 address in its brackets
    std::string port;  // empty for the scheme's own

    std::string origin() const { return scheme + "://" + host + (port.empty() ? "" : ":" + port); }

    bool is_loopback() const {
        return host == "localhost" || host.ends_with(".localhost") || host == "[::1]" ||
               (host.starts_with("127.") && is_address(host));
    }
};

std::optional<Url> parse_url(std::string_view text) {
    const auto is_odd = [](char c) { return c <= ' ' || c > '~' || c == '#' || c == '\\'; };
    const auto colon = text.find("://");
    if (colon == text.npos || std::any_of(text.begin(), text.end(), is_odd)) return std::nullopt;
    const auto end = text.find_first_of("/?", colon + 3);
    const auto origin = text.substr(0, end);
    Url url{.scheme = ascii_lower(text.substr(0, colon)),
            .host = ascii_lower(origin.substr(colon + 3)),
            .port = ""};
    if ((url.scheme != "http" && url.scheme != "https") || !is_origin(origin)) return std::nullopt;
    const auto port = url.host.rfind(':');
    if (port != url.host.npos && port + 1 < url.host.size() && !url.host.ends_with(']')) {
        url.port = url.host.substr(port + 1);
        url.host.resize(port);
    }
    if (url.port == (url.scheme == "http" ? "80" : "443")) url.port.clear();
    return url;
}

// Fills in what follows from JWKS_URL.
void check_issuers(Config& config, std::vector<std::string>& faults) {
    const auto& shared = config.better_auth_secret;
    // Its tokens may be of any issuer: those of this service would no longer be told apart.
    if (!shared.empty() && (shared == config.jwt_secret || shared == config.jwt_secret_previous))
        faults.emplace_back(
            "BETTER_AUTH_SECRET must differ from JWT_SECRET and JWT_SECRET_PREVIOUS");
    if (!config.jwks_url.empty() && !config.jwks_file.empty())
        faults.emplace_back("JWKS_URL and JWKS_FILE exclude each other");
    if (config.is_demo() && config.user_id_format == "uuid")
        faults.emplace_back("DEMO_MODE needs USER_ID_FORMAT=any: demo-user is no UUID");
    if (config.jwks_url.empty() || is_faulty("JWKS_URL", faults)) return;
    const auto url = parse_url(config.jwks_url);
    if (!url) {
        faults.emplace_back("JWKS_URL must be a URL: http(s)://host:port/path");
        return;
    }
    if (config.is_production() && url->scheme != "https" && !url->is_loopback())
        faults.emplace_back("JWKS_URL must be https in production");
    if (config.jwks_issuer.empty()) config.jwks_issuer = url->origin();
    if (config.jwks_audience.empty()) config.jwks_audience = url->origin();
}

void check_developer(const Config& config, std::vector<std::string>& faults) {
    const auto size = config.dev_user_password.size();
    if (config.dev_user_email.empty() || is_faulty("DEV_USER_PASSWORD", faults)) return;
    const auto& email = config.dev_user_email;
    if (email.find('@') == email.npos || trimmed(email).size() != email.size())
        faults.emplace_back("DEV_USER_EMAIL must be an e-mail address");
    if (config.is_production())
        faults.emplace_back("DEV_USER_EMAIL is refused in production");
    else if (size < min_password_bytes || size > max_password_bytes)
        faults.emplace_back("DEV_USER_PASSWORD must have 8 to 72 bytes");
}

}  // namespace

std::span<const Setting> settings() { return table; }

std::vector<std::string> Config::allowed_origins() const {
    auto origins = comma_separated(cors_origins);
    if (!frontend_origin.empty()) origins.push_back(frontend_origin);
    return origins;
}

std::vector<std::string> Config::accepted_api_keys() const { return comma_separated(api_keys); }

std::vector<std::string> Config::trusted_networks() const {
    return comma_separated(trusted_proxies);
}

std::size_t Config::worker_count(std::string_view endpoint, std::size_t default_count) const {
    std::string name{endpoint};
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const auto found = workers.find(name);
    return found == workers.end() ? default_count : static_cast<std::size_t>(found->second);
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
    // An empty variable is how compose files and platforms say "not set".
    const auto is_set = [&](std::string_view name) {
        const auto found = environment.find(std::string{name});
        return found != environment.end() && !found->second.empty();
    };
    Config config;
    std::vector<std::string> faults;
    for (const auto& setting : table) {
        try {
            std::string value{is_set(setting.name) ? environment.at(std::string{setting.name})
                                                   : setting.default_value};
            if (value.starts_with("@/")) value = read_file(setting.name, value.substr(1));
            store(config, setting, value);
        } catch (const ConfigError& error) {
            faults.emplace_back(error.what());
        }
    }
    if (!is_set("DATABASE_URL") && !config.neon_db_url.empty())
        config.database_url = config.neon_db_url;
    take_workers(environment, config, faults);
    check_database(config, faults);
    check_addresses(config, faults);
    check_limits(config, faults);
    check_api_keys(config, faults);
    check_secrets(config, faults);
    check_production(config, faults);
    check_issuers(config, faults);
    check_developer(config, faults);
    if (faults.empty()) {
        if (config.jwt_secret.empty()) config.jwt_secret = kept_secret(config.run_dir);
        return config;
    }
    std::string all;
    for (const auto& fault : faults) all += (all.empty() ? "" : "\n") + fault;
    throw ConfigError(all);
}

Config load_config() {
    Environment environment;
    for (char** variable = environ; *variable; ++variable) {
        const std::string_view line{*variable};
        const auto name = line.substr(0, line.find('='));
        // The first of a name counts, as for getenv().
        if (name.size() < line.size()) environment.emplace(name, line.substr(name.size() + 1));
    }
    return load_config(environment);
}

void ensure_secret(Config& config) {
    if (!config.jwt_secret.empty()) return;
    const auto folder = claim_run_dir(config.run_dir);
    config.jwt_secret = kept_secret(folder);
    if (!config.jwt_secret.empty()) return;
    make_secret(secret_path(folder));
    config.jwt_secret = kept_secret(folder);
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
