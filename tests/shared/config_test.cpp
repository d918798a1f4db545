#include "shared/config.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/support/expect.hpp"

namespace config_test {

namespace fs = std::filesystem;

namespace {

using Variables = Environment;

constexpr auto strong_secret = "0123456789abcdef0123456789abcdef";
const std::string required = "JWT_SECRET is required";
const std::string how = ": make one with `openssl rand -hex 32`";

// A folder of the test's own, removed at its end; it can hold RUN_DIR and secret files.
class Folder {
public:
    Folder() {
        std::string pattern = fs::temp_directory_path() / "config_test.XXXXXX";
        cr_assert(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string path(const std::string& name = "") const {
        return name.empty() ? path_ : path_ + "/" + name;
    }

    // The path of a new file.
    std::string file(const std::string& name, std::string_view text) const {
        std::ofstream{path(name), std::ios::binary} << text;
        return path(name);
    }

private:
    std::string path_;
};

Config load(const Variables& variables) { return load_config(variables); }

Config load_with_secret(const Variables& variables) {
    auto config = load(variables);
    ensure_secret(config);
    return config;
}

// With a secret, so that none is looked for in RUN_DIR.
Config load_quietly(Variables variables) {
    variables.try_emplace("JWT_SECRET", strong_secret);
    return load(variables);
}

// All faults, one a line; nothing for a good configuration.
std::string faults(Variables variables) {
    try {
        load_quietly(std::move(variables));
    } catch (const ConfigError& error) {
        return error.what();
    }
    return {};
}

Variables production(Variables more = {}) {
    more.insert({{"ENVIRONMENT", "production"}, {"JWT_SECRET", strong_secret}});
    return more;
}

std::string text_of(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

bool is_lower_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace

Test(config, has_safe_defaults) {
    const auto config = load_quietly({});
    cr_expect_eq(config.bcrypt_cost, 12);
    EXPECT_TEXT(config.cors_origins, "http://localhost:3001");
    EXPECT_TEXT(config.database_url, "sqlite:///./steelthread.db");
    cr_expect_eq(config.db_connect_timeout_ms, 2000);
    cr_expect_eq(config.db_deadline_ms, 3000);
    cr_expect_eq(config.db_pool_size, 4);
    EXPECT_TEXT(config.db_prepare, "auto");
    EXPECT_TEXT(config.dev_user_email, "");
    EXPECT_TEXT(config.dev_user_password, "");
    EXPECT_TEXT(config.environment, "development");
    cr_expect_not(config.is_production());
    EXPECT_TEXT(config.host, "127.0.0.1");
    cr_expect_eq(config.jwt_expire_minutes, 60);
    EXPECT_TEXT(config.log_level, "info");
    EXPECT_TEXT(config.login_rate_limit, "10/minute");
    cr_expect_eq(config.port, 8000);
    EXPECT_TEXT(config.redis_url, "memory://");
    EXPECT_TEXT(config.run_dir, "./run");
    EXPECT_TEXT(config.sqlite_synchronous, "FULL");
    cr_expect(config.trusted_networks().empty());
    EXPECT_TEXT(config.better_auth_secret + config.jwks_url + config.jwks_file, "");
    EXPECT_TEXT(config.jwks_issuer + config.jwks_audience, "");
    cr_expect_not(config.is_demo());
    cr_expect_not(config.is_prestarted());
    EXPECT_TEXT(config.user_id_format, "any");
}

Test(config, table_is_alphabetical_and_its_defaults_are_good) {
    std::string_view before;
    for (const auto& setting : settings()) {
        cr_expect(before < setting.name, "%s", setting.name.data());
        before = setting.name;
        cr_expect_not(setting.description.empty(), "%s", setting.name.data());
        const auto fault =
            faults({{std::string{setting.name}, std::string{setting.default_value}}});
        EXPECT_TEXT(fault, "");
        const bool sounds_secret = setting.name.find("SECRET") != setting.name.npos ||
                                   setting.name.find("PASSWORD") != setting.name.npos ||
                                   setting.name.ends_with("_URL") ||
                                   setting.name.ends_with("_KEYS");
        cr_expect(setting.is_secret || !sounds_secret, "%s is shown", setting.name.data());
    }
}

Test(config, takes_what_is_set) {
    const auto config = load_quietly({{"PORT", "65535"},
                                      {"HOST", "0.0.0.0"},
                                      {"BCRYPT_COST", "4"},
                                      {"ENVIRONMENT", "test"},
                                      {"LOG_LEVEL", "warning"},
                                      {"DATABASE_URL", "postgresql://u:p@h/d?sslmode=require"}});
    cr_expect_eq(config.port, 65535);
    EXPECT_TEXT(config.host, "0.0.0.0");
    cr_expect_eq(config.bcrypt_cost, 4);
    EXPECT_TEXT(config.environment, "test");
    EXPECT_TEXT(config.log_level, "warning");
    EXPECT_TEXT(config.database_url, "postgresql://u:p@h/d?sslmode=require");
}

Test(config, takes_an_empty_variable_as_not_set) {
    Variables empty;
    for (const auto& setting : settings()) empty[std::string{setting.name}] = "";
    empty["JWT_SECRET"] = strong_secret;
    EXPECT_TEXT(dump_config(load(empty)), dump_config(load_quietly({})));
}

Test(config, reports_every_fault_at_once) {
    EXPECT_TEXT(faults({{"PORT", "0"},
                        {"BCRYPT_COST", "abc"},
                        {"LOG_LEVEL", "loud"},
                        {"HOST", "a\nb"},
                        {"DATABASE_URL", "mysql://h/d"},
                        {"WORKERS_ROOT", "65"},
                        {"CORS_ORIGINS", "http://a/"},
                        {"DEV_USER_PASSWORD", "@/nonexistent/password"}}),
                "BCRYPT_COST must be a whole number from 4 to 15\n"
                "DEV_USER_PASSWORD cannot be read from /nonexistent/password\n"
                "HOST holds a control character\n"
                "LOG_LEVEL must be one of debug|info|warning|error\n"
                "PORT must be a whole number from 1 to 65535\n"
                "WORKERS_ROOT must be a whole number from 1 to 64\n"
                "DATABASE_URL must start with postgresql:// or sqlite:///\n"
                "CORS_ORIGINS or FRONTEND_ORIGIN: http://a/ is no origin: scheme://host:port, "
                "without a path or a final slash");
}

Test(config, reports_faults_of_production_along_with_the_others) {
    EXPECT_TEXT(faults({{"ENVIRONMENT", "production"},
                        {"PORT", "x"},
                        {"JWT_SECRET", "short"},
                        {"JWT_SECRET_PREVIOUS", "shorter"},
                        {"DEV_USER_EMAIL", "a@b.c"}}),
                "PORT must be a whole number from 1 to 65535\n"
                "JWT_SECRET must have at least 32 bytes in production\n"
                "JWT_SECRET_PREVIOUS must have at least 32 bytes in production\n"
                "DEV_USER_EMAIL is refused in production");
}

Test(config, names_one_cause_once) {
    EXPECT_TEXT(faults({{"ENVIRONMENT", "production"}, {"JWT_SECRET", "@/nonexistent/secret"}}),
                "JWT_SECRET cannot be read from /nonexistent/secret");
    EXPECT_TEXT(faults({{"DATABASE_URL", "@/nonexistent/url"}}),
                "DATABASE_URL cannot be read from /nonexistent/url");
}

Test(config, takes_whole_numbers_within_bounds) {
    constexpr auto fault = "PORT must be a whole number from 1 to 65535";
    for (const char* value :
         {"0", "-1", "65536", "8000.0", "8e3", "0x1f40", "+80", " 80", "80 ", "80,", "eighty",
          "18446744073709551617", "9223372036854775808", "-", "8 0", "\n"})
        EXPECT_TEXT(faults({{"PORT", value}}), fault);
    for (const char* value : {"1", "80", "080", "65535"})
        EXPECT_TEXT(faults({{"PORT", value}}), "");
    EXPECT_TEXT(faults({{"DB_POOL_SIZE", "0"}}),
                "DB_POOL_SIZE must be a whole number from 1 to 100");
    EXPECT_TEXT(faults({{"DB_POOL_SIZE", "101"}}),
                "DB_POOL_SIZE must be a whole number from 1 to 100");
}

Test(config, takes_one_of_the_choices) {
    for (const char* value : {"on", "off", "auto"})
        EXPECT_TEXT(faults({{"DB_PREPARE", value}}), "");
    for (const char* value : {"On", "yes", "auto|on", "|", "aut", "auto ", "o", "|on|"})
        EXPECT_TEXT(faults({{"DB_PREPARE", value}}), "DB_PREPARE must be one of auto|on|off");
}

Test(config, reads_secrets_from_files) {
    const Folder folder;
    const auto load_secret = [&](std::string_view text) {
        return load({{"JWT_SECRET", "@" + folder.file("secret", text)}}).jwt_secret;
    };
    EXPECT_TEXT(load_secret("from a file"), "from a file");
    EXPECT_TEXT(load_secret("from a file\n"), "from a file");
    EXPECT_TEXT(load_secret("from a file\r\n\n"), "from a file");
    EXPECT_TEXT(load_secret(" spaces stay "), " spaces stay ");
    EXPECT_TEXT(load_secret("@/not/twice"), "@/not/twice");
    const auto number = "@" + folder.file("port", "81\n");
    cr_expect_eq(load_quietly({{"PORT", number}}).port, 81);
    const auto url = "@" + folder.file("url", "postgresql://h/d\n");
    EXPECT_TEXT(load_quietly({{"DATABASE_URL", url}}).database_url, "postgresql://h/d");
    EXPECT_TEXT(load_quietly({{"NEON_DB_URL", url}}).database_url, "postgresql://h/d");
    // Only a path from the root is one: "@home" is a password like any other.
    EXPECT_TEXT(load_quietly({{"DEV_USER_PASSWORD", "@home"}}).dev_user_password, "@home");
}

Test(config, reports_files_that_hold_no_secret) {
    const Folder folder;
    EXPECT_TEXT(faults({{"JWT_SECRET", "@" + folder.path()}}),
                "JWT_SECRET cannot be read from " + folder.path());
    EXPECT_TEXT(faults({{"JWT_SECRET", "@" + folder.path("absent")}}),
                "JWT_SECRET cannot be read from " + folder.path("absent"));
    EXPECT_TEXT(faults({{"JWT_SECRET", "@" + folder.file("two", "one\ntwo\n")}}),
                "JWT_SECRET holds a control character");
    const std::string with_nul{"a\0b", 3};
    EXPECT_TEXT(faults({{"JWT_SECRET", "@" + folder.file("nul", with_nul)}}),
                "JWT_SECRET holds a control character");
    EXPECT_TEXT(faults(production({{"JWT_SECRET", "@" + folder.file("empty", "\n")}})),
                required + " in production" + how);
}

Test(config, never_shows_a_secret_in_a_fault) {
    for (const auto& setting : settings()) {
        if (!setting.is_secret) continue;
        for (const char* value : {"hunter2\n", "hunter2"}) {
            const auto text = faults(production({{std::string{setting.name}, value}}));
            cr_expect(text.find("hunter2") == text.npos, "%s: %s", setting.name.data(),
                      text.c_str());
        }
    }
}

Test(config, insists_on_strong_secrets_in_production) {
    EXPECT_TEXT(faults(production()), "");
    cr_expect(load(production()).is_production());
    EXPECT_TEXT(faults(production({{"JWT_SECRET", std::string(31, 'x')}})),
                "JWT_SECRET must have at least 32 bytes in production");
    EXPECT_TEXT(faults(production({{"JWT_SECRET_PREVIOUS", std::string(31, 'x')}})),
                "JWT_SECRET_PREVIOUS must have at least 32 bytes in production");
    EXPECT_TEXT(faults(production({{"JWT_SECRET_PREVIOUS", std::string(32, 'x')}})), "");
    EXPECT_TEXT(faults(production({{"DEV_USER_EMAIL", "dev@example.org"}})),
                "DEV_USER_EMAIL is refused in production");
    EXPECT_TEXT(faults(production({{"DEMO_MODE", "on"}})),
                "DEMO_MODE must be off in production: it lets anyone write without a token");
    EXPECT_TEXT(faults(production({{"BCRYPT_COST", "9"}})),
                "BCRYPT_COST must be at least 10 in production");
    EXPECT_TEXT(faults(production({{"BCRYPT_COST", "10"}, {"DEMO_MODE", "off"}})), "");
    EXPECT_TEXT(faults(production({{"BCRYPT_COST", "3"}, {"DEMO_MODE", "maybe"}})),
                "BCRYPT_COST must be a whole number from 4 to 15\n"
                "DEMO_MODE must be one of on|off");
    // Development and tests take what they get.
    for (const char* environment : {"development", "test"})
        EXPECT_TEXT(faults({{"ENVIRONMENT", environment},
                            {"JWT_SECRET", "x"},
                            {"BCRYPT_COST", "4"},
                            {"DEMO_MODE", "on"},
                            {"DEV_USER_EMAIL", "a@b"},
                            {"DEV_USER_PASSWORD", "12345678"}}),
                    "");
}

Test(config, insists_on_strong_secrets_where_others_can_connect) {
    const std::string where = " where HOST is not a loopback address";
    const Folder folder;
    for (const char* host : {"0.0.0.0", "::", "192.0.2.1", "::ffff:127.0.0.1"}) {
        EXPECT_TEXT(faults({{"HOST", host}}), "");
        EXPECT_TEXT(faults({{"HOST", host}, {"JWT_SECRET", std::string(31, 'x')}}),
                    "JWT_SECRET must have at least 32 bytes" + where);
        EXPECT_TEXT(faults({{"HOST", host}, {"JWT_SECRET_PREVIOUS", "x"}}),
                    "JWT_SECRET_PREVIOUS must have at least 32 bytes" + where);
    }
    // A missing one is made, and is strong.
    for (const char* host : {"127.0.0.1", "127.1.2.3", "::1", "0.0.0.0"})
        cr_expect_eq(
            load_with_secret({{"HOST", host}, {"RUN_DIR", folder.path("run")}}).jwt_secret.size(),
            64u);
}

Test(config, takes_addresses_and_origins_for_what_they_are) {
    for (const char* host : {"localhost", "127.0.0.1:80", "[::1]", "256.0.0.1", "1.2.3", "*",
                             "fe80::1%eth0", "127.0.0.1; }"})
        EXPECT_TEXT(faults({{"HOST", host}}), "HOST must be an IPv4 or IPv6 address");
    for (const char* origin : {"http://a", "https://app.example.org:8443", "http://[::1]:3000",
                               "http://127.0.0.1", "capacitor://localhost", "http://a_b-c"}) {
        EXPECT_TEXT(faults({{"CORS_ORIGINS", origin}}), "");
        EXPECT_TEXT(faults({{"FRONTEND_ORIGIN", origin}}), "");
    }
    for (const char* origin :
         {"a", "*", "null", "http://", "http://a/", "http://a/b", "http://a:", "http://a:x",
          "http://a:80:80", "://a", "http://a b", "http://u@a", "http://[::1", "http://[x]",
          "http://a\"", "http://a;", "http://a$b", "http://a\\E"}) {
        const auto fault = std::string{"CORS_ORIGINS or FRONTEND_ORIGIN: "} + origin +
                           " is no origin: scheme://host:port, without a path or a final slash";
        EXPECT_TEXT(faults({{"CORS_ORIGINS", origin}}), fault);
        EXPECT_TEXT(faults({{"FRONTEND_ORIGIN", origin}}), fault);
    }
}

Test(config, takes_numbers_of_workers) {
    const auto config =
        load_quietly({{"WORKERS_ROOT", "1"}, {"WORKERS_AUTH_LOGIN", "64"}, {"WORKERS_HEALTH", ""}});
    cr_expect_eq(config.workers.size(), 2u);
    cr_expect_eq(config.workers.at("ROOT"), 1);
    cr_expect_eq(config.workers.at("AUTH_LOGIN"), 64);
    for (const char* value : {"0", "65", "-1", "two", "1.0", " 1"})
        EXPECT_TEXT(faults({{"WORKERS_ROOT", value}}),
                    "WORKERS_ROOT must be a whole number from 1 to 64");
}

Test(config, wants_a_password_that_can_be_hashed) {
    const auto fault_of = [](const std::string& password) {
        return faults({{"DEV_USER_EMAIL", "dev@example.org"}, {"DEV_USER_PASSWORD", password}});
    };
    for (const std::size_t size : {8, 72}) EXPECT_TEXT(fault_of(std::string(size, 'x')), "");
    for (const std::size_t size : {0, 7, 73})
        EXPECT_TEXT(fault_of(std::string(size, 'x')), "DEV_USER_PASSWORD must have 8 to 72 bytes");
    EXPECT_TEXT(faults({{"DEV_USER_PASSWORD", "x"}}), "");
    for (const char* email : {"ada", " ada@example.org", "ada@example.org "})
        EXPECT_TEXT(faults({{"DEV_USER_EMAIL", email}, {"DEV_USER_PASSWORD", "correct horse"}}),
                    "DEV_USER_EMAIL must be an e-mail address");
}

Test(config, shows_nothing_of_a_malformed_database_url) {
    for (const char* url : {"postgresql://u:hunter2%@h/d", "postgresql://u:hunter2@h/d?hunter2=x",
                            "postgresql://u:hunter2@[::1/d", "postgres://u:pass word@h/d?sslmode",
                            "postgresql://u:p@h:port/d?x=%00"}) {
        const auto fault = faults({{"DATABASE_URL", url}});
        cr_expect(fault.starts_with("DATABASE_URL is malformed: "), "%s: %s", url, fault.c_str());
        cr_expect_eq(fault.find("hunter2"), fault.npos, "%s", fault.c_str());
    }
}

// RUN_DIR may be a folder where others can leave something.
static std::string fault_of_secret_in(const Folder& run_dir) {
    try {
        load({{"RUN_DIR", run_dir.path()}});
    } catch (const ConfigError& error) {
        return error.what();
    }
    return {};
}

Test(config, refuses_a_development_secret_that_is_a_link) {
    const Folder folder;
    const auto path = folder.path("jwt_secret");
    fs::create_symlink(folder.file("elsewhere", strong_secret), path);
    EXPECT_TEXT(fault_of_secret_in(folder),
                path + " is not a regular file owned by this user: remove it");
    fs::remove(path);
    folder.file("jwt_secret", strong_secret);
    EXPECT_TEXT(fault_of_secret_in(folder), "");
}

Test(config, refuses_a_development_secret_of_another_user) {
    if (geteuid() != 0) cr_skip_test("only root can give a file away");
    const Folder folder;
    const auto path = folder.file("jwt_secret", strong_secret);
    EXPECT_TEXT(fault_of_secret_in(folder), "");
    cr_assert_eq(chown(path.c_str(), 65'534, 65'534), 0);
    EXPECT_TEXT(fault_of_secret_in(folder),
                path + " is not a regular file owned by this user: remove it");
}

Test(config, makes_no_secret_in_production) {
    const Folder folder;
    std::string fault;
    try {
        load({{"ENVIRONMENT", "production"}, {"RUN_DIR", folder.path("run")}});
    } catch (const ConfigError& error) {
        fault = error.what();
    }
    EXPECT_TEXT(fault, required + " in production" + how);
    cr_expect_not(fs::exists(folder.path("run")));
}

Test(config, keeps_a_secret_for_development) {
    const Folder folder;
    const auto run_dir = folder.path("deep/run");
    const auto umask_before = umask(0);
    EXPECT_TEXT(load({{"RUN_DIR", run_dir}}).jwt_secret, "");
    cr_expect_not(fs::exists(folder.path("deep")), "a look has made RUN_DIR");
    const auto first = load_with_secret({{"RUN_DIR", run_dir}});
    umask(umask_before);
    cr_expect_eq(first.jwt_secret.size(), 64u);
    cr_expect(is_lower_hex(first.jwt_secret), "%s", first.jwt_secret.c_str());
    EXPECT_TEXT(load({{"RUN_DIR", run_dir}}).jwt_secret, first.jwt_secret);
    EXPECT_TEXT(load_with_secret({{"RUN_DIR", run_dir}}).jwt_secret, first.jwt_secret);
    EXPECT_TEXT(text_of(run_dir + "/jwt_secret"), first.jwt_secret);

    struct stat status {};
    cr_assert_eq(stat((run_dir + "/jwt_secret").c_str(), &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0600u);
    cr_expect_eq(std::distance(fs::directory_iterator{run_dir}, {}), 2);  // and the mark

    cr_expect(load_with_secret({{"RUN_DIR", folder.path("other")}}).jwt_secret != first.jwt_secret);
}

Test(config, makes_no_secret_when_one_is_given_or_something_is_wrong) {
    const Folder folder;
    const auto run_dir = folder.path("run");
    load_with_secret({{"RUN_DIR", run_dir}, {"JWT_SECRET", "given"}});
    cr_expect(throws<ConfigError>([&] {
        load_with_secret({{"RUN_DIR", run_dir}, {"PORT", "x"}});
    }));
    cr_expect_not(fs::exists(run_dir));
}

Test(config, makes_no_secret_in_a_folder_of_others) {
    const Folder folder;
    folder.file("index.html", "of somebody else");
    cr_expect(throws<ConfigError>([&] { load_with_secret({{"RUN_DIR", folder.path()}}); }));
    cr_expect_eq(std::distance(fs::directory_iterator{folder.path()}, {}), 1);
}

// An empty file would sign every token with the empty key.
Test(config, refuses_a_spoiled_development_secret) {
    const Folder folder;
    const auto path = folder.file("jwt_secret", "");
    std::string fault;
    try {
        load({{"RUN_DIR", folder.path()}});
    } catch (const ConfigError& error) {
        fault = error.what();
    }
    EXPECT_TEXT(fault, path + " holds no secret: remove it");
}

Test(config, reports_a_run_dir_that_cannot_be_made) {
    const Folder folder;
    const auto file = folder.file("file", "");
    cr_expect(throws<ConfigError>([&] { load_with_secret({{"RUN_DIR", file + "/run"}}); }));
    cr_expect(throws<ConfigError>([&] { load_with_secret({{"RUN_DIR", "/proc/run"}}); }));
}

// All handlers of a first run start at once, and each must sign with the key that the others verify
// with.
Test(config, racing_processes_share_one_development_secret) {
    constexpr int processes = 8;
    for (int round = 0; round < 10; ++round) {
        const Folder folder;
        const auto run_dir = folder.path("run");
        int start[2], answers[2];
        cr_assert(pipe(start) == 0 && pipe(answers) == 0);
        for (int i = 0; i < processes; ++i) {
            const auto child = fork();
            cr_assert_geq(child, 0);
            if (child != 0) continue;
            close(start[1]);
            char byte;
            std::string secret(64, '-');
            // Returns when the parent closes its end, for all at once.
            if (read(start[0], &byte, 1) == 0) try {
                    secret = load_with_secret({{"RUN_DIR", run_dir}}).jwt_secret;
                } catch (const std::exception&) {
                }
            _exit(write(answers[1], secret.data(), secret.size()) == 64 ? 0 : 1);
        }
        close(start[0]);
        close(start[1]);
        close(answers[1]);
        std::string all;
        char buffer[1024];
        for (ssize_t size; (size = read(answers[0], buffer, sizeof buffer)) > 0;)
            all.append(buffer, static_cast<std::size_t>(size));
        close(answers[0]);
        for (int i = 0; i < processes; ++i) cr_expect_gt(wait(nullptr), 0);

        cr_assert_eq(all.size(), 64u * processes);
        const auto kept = text_of(run_dir + "/jwt_secret");
        cr_expect(kept.size() == 64 && is_lower_hex(kept), "%s", kept.c_str());
        for (std::size_t i = 0; i < processes; ++i) EXPECT_TEXT(all.substr(i * 64, 64), kept);
        cr_expect_eq(std::distance(fs::directory_iterator{run_dir}, {}), 2);  // and the mark
    }
}

Test(config, falls_back_to_neon_db_url) {
    const std::string neon = "postgresql://u:p@ep-x-pooler.neon.tech/d?sslmode=require";
    EXPECT_TEXT(load_quietly({{"NEON_DB_URL", neon}}).database_url, neon);
    EXPECT_TEXT(load_quietly({{"NEON_DB_URL", neon}, {"DATABASE_URL", ""}}).database_url, neon);
    EXPECT_TEXT(
        load_quietly({{"NEON_DB_URL", neon}, {"DATABASE_URL", "sqlite:///a.db"}}).database_url,
        "sqlite:///a.db");
    EXPECT_TEXT(faults({{"NEON_DB_URL", "mysql://h/d"}}),
                "DATABASE_URL must start with postgresql:// or sqlite:///");
}

Test(config, knows_its_databases) {
    for (const char* url : {"postgresql://h/d", "postgres://h/d", "postgresql://", "sqlite:///a.db",
                            "sqlite:////a.db", "sqlite:///:memory:", "sqlite:///"})
        EXPECT_TEXT(faults({{"DATABASE_URL", url}}), "");
    for (const char* url :
         {"mysql://h/d", "postgresql+asyncpg://h/d", "sqlite:a.db", "sqlite://a.db", "a.db",
          "host=h", "POSTGRESQL://h/d", " postgresql://h/d", "file:///a.db"})
        EXPECT_TEXT(faults({{"DATABASE_URL", url}}),
                    "DATABASE_URL must start with postgresql:// or sqlite:///");
}

Test(config, resolves_sqlite_paths) {
    static constexpr struct {
        const char* url;
        const char* run_dir;
        const char* path;
    } cases[] = {
        {"sqlite:///./steelthread.db", "./run", "run/steelthread.db"},
        {"sqlite:///a.db", "/srv/run", "/srv/run/a.db"},
        {"sqlite:///data/a.db", "/srv/run/", "/srv/run/data/a.db"},
        {"sqlite:///../a.db", "/srv/run", "/srv/a.db"},
        {"sqlite:////absolute/a.db", "/srv/run", "/absolute/a.db"},
        {"sqlite:///:memory:", "/srv/run", ":memory:"},
        {"sqlite:///", "/srv/run", ":memory:"},
        {"postgresql://h/d", "/srv/run", "none"},
        {"postgres://h/sqlite:///x", "/srv/run", "none"},
    };
    for (const auto& [url, run_dir, path] : cases)
        EXPECT_TEXT(load_quietly({{"DATABASE_URL", url}, {"RUN_DIR", run_dir}})
                        .sqlite_path()
                        .value_or("none"),
                    path);
}

Test(config, splits_origins) {
    static constexpr struct {
        const char* cors_origins;
        const char* frontend_origin;
        const char* all;
    } cases[] = {
        {"http://a", "", "http://a|"},
        {"http://a,http://b", "", "http://a|http://b|"},
        {" http://a , ,http://b,", "http://c", "http://a|http://b|http://c|"},
        {",", "", ""},
        {",", "http://c", "http://c|"},
    };
    for (const auto& [cors_origins, frontend_origin, all] : cases) {
        std::string text;
        const auto config =
            load_quietly({{"CORS_ORIGINS", cors_origins}, {"FRONTEND_ORIGIN", frontend_origin}});
        for (const auto& origin : config.allowed_origins()) text += origin + "|";
        EXPECT_TEXT(text, all);
    }
}

Test(config, dump_masks_secrets) {
    const auto text = dump_config(load({{"JWT_SECRET", "hunter2-jwt"},
                                        {"JWT_SECRET_PREVIOUS", "hunter2-previous"},
                                        {"DATABASE_URL", "postgresql://u:hunter2@h/d"},
                                        {"NEON_DB_URL", "postgresql://u:hunter2@n/d"},
                                        {"DEV_USER_PASSWORD", "hunter2-password"},
                                        {"PORT", "81"},
                                        {"HOST", "::1"}}));
    cr_expect(text.find("hunter2") == text.npos, "%s", text.c_str());
    for (const char* line :
         {"\nJWT_SECRET=********\n", "\nJWT_SECRET_PREVIOUS=********\n",
          "\nDATABASE_URL=********\n", "\nNEON_DB_URL=********\n", "\nDEV_USER_PASSWORD=********\n",
          "\nPORT=81\n", "\nHOST=::1\n", "\nFRONTEND_ORIGIN=\n"})
        cr_expect(("\n" + text).find(line) != text.npos, "%s in\n%s", line, text.c_str());
    cr_expect_eq(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')),
                 settings().size());
    // An empty secret is shown as one: that it is missing is no secret.
    const auto empty = dump_config(load_quietly({}));
    cr_expect(empty.find("\nJWT_SECRET_PREVIOUS=\n") != empty.npos, "%s", empty.c_str());
}

Test(config, reads_the_environment_of_the_process) {
    setenv("JWT_SECRET", strong_secret, 1);
    setenv("PORT", "8123", 1);
    unsetenv("DATABASE_URL");
    unsetenv("NEON_DB_URL");
    const auto config = load_config();
    cr_expect_eq(config.port, 8123);
    EXPECT_TEXT(config.jwt_secret, strong_secret);
    EXPECT_TEXT(config.database_url, "sqlite:///./steelthread.db");
}

Test(config, checks_limits) {
    for (const std::string setting : {"LOGIN_RATE_LIMIT", "RATE_LIMIT"}) {
        for (const char* good : {"1/second", "10/minute", "100/hour", "86400000/day"})
            EXPECT_TEXT(faults({{setting, good}}), "");
        for (const char* bad :
             {"10", "0/minute", "10/week", "1001/second", "10/minute;", " 10/minute"})
            EXPECT_TEXT(faults({{setting, bad}}),
                        setting +
                            " must be a number from 1 and a unit, at most 1000 in a "
                            "second: 10/second, 10/minute, 10/hour or 10/day");
    }
    EXPECT_TEXT(load_quietly({}).rate_limit, "60/minute");
    for (const char* good : {"memory://", "redis://:secret@localhost:6379/0", "redis://h"})
        EXPECT_TEXT(faults({{"REDIS_URL", good}}), "");
    for (const char* bad : {"redis://:secret@h:port", "rediss://h", "memory", "x"})
        EXPECT_TEXT(faults({{"REDIS_URL", bad}}),
                    "REDIS_URL must be memory:// or redis://user:password@host:port/database, "
                    "where only the host is needed, special characters as %XX");
}

Test(config, checks_api_keys) {
    cr_expect(load_quietly({}).accepted_api_keys().empty());
    const auto keys =
        load_quietly({{"API_KEYS", " 0123456789abcdef,, sixteen-bytes+/=~ ,"}}).accepted_api_keys();
    cr_expect(keys == std::vector<std::string>({"0123456789abcdef", "sixteen-bytes+/=~"}));
    EXPECT_TEXT(faults({{"API_KEYS", "0123456789abcde"}}),
                "API_KEYS must have at least 16 bytes in each key");
    EXPECT_TEXT(faults({{"API_KEYS", "0123456789abcdef,short"}}),
                "API_KEYS must have at least 16 bytes in each key");
    for (const char* bad : {"0123456789 abcdef", "0123456789abcd\xc3\xa4"})
        EXPECT_TEXT(faults({{"API_KEYS", bad}}),
                    "API_KEYS must be visible ASCII: a header carries them");
    const auto dump = dump_config(load_quietly({{"API_KEYS", "0123456789abcdef"}}));
    cr_expect(dump.find("0123456789abcdef") == dump.npos);
    cr_expect(dump.find("API_KEYS=********\n") != dump.npos);
}

// They become nginx's configuration.
Test(config, checks_trusted_proxies) {
    const auto config =
        load_quietly({{"TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1 ,,fd00::/8,::1,0.0.0.0/0"}});
    const std::vector<std::string> wanted = {"10.0.0.0/8", "192.0.2.1", "fd00::/8", "::1",
                                             "0.0.0.0/0"};
    cr_expect(config.trusted_networks() == wanted);
    for (const std::string bad :
         {"10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8",
          "10.0.0/8", "proxy.example.org", "unix:", "all", "10.0.0.1; deny all", "[::1]", "/8",
          "10.0.0.1 10.0.0.2", "10.0.0.1:80", "$host"})
        EXPECT_TEXT(faults({{"TRUSTED_PROXIES", "::1," + bad}}),
                    "TRUSTED_PROXIES: " + bad + " is no address and no network such as 10.0.0.0/8");
}

Test(config, workers_are_set_by_endpoint) {
    const auto config = load_quietly({{"WORKERS_AUTH_SIGNIN", "5"}, {"WORKERS_ROOT", "3"}});
    cr_expect_eq(config.worker_count("auth_login", 2), 2u);
    cr_expect_eq(config.worker_count("auth_signup", 2), 2u);
    cr_expect_eq(config.worker_count("auth_signin", 2), 5u);
    cr_expect_eq(config.worker_count("root", 1), 3u);
    cr_expect_eq(config.worker_count("auth_other", 1), 1u);
}

Test(config, better_auth_secret_is_no_other_secret) {
    const std::string same =
        "BETTER_AUTH_SECRET must differ from JWT_SECRET and JWT_SECRET_PREVIOUS";
    EXPECT_TEXT(faults({{"BETTER_AUTH_SECRET", strong_secret}}), same);
    EXPECT_TEXT(faults({{"BETTER_AUTH_SECRET", "x"}, {"JWT_SECRET_PREVIOUS", "x"}}), same);
    EXPECT_TEXT(faults({{"BETTER_AUTH_SECRET", "x"}}), "");
    EXPECT_TEXT(faults(production({{"BETTER_AUTH_SECRET", std::string(31, 'x')}})),
                "BETTER_AUTH_SECRET must have at least 32 bytes in production");
    EXPECT_TEXT(faults(production({{"BETTER_AUTH_SECRET", std::string(32, 'x')}})), "");
}

Test(config, issuer_and_audience_follow_from_the_url) {
    const auto origin_of = [](const std::string& url) {
        const auto config = load_quietly({{"JWKS_URL", url}});
        EXPECT_TEXT(config.jwks_issuer, config.jwks_audience);
        return config.jwks_issuer;
    };
    EXPECT_TEXT(origin_of("http://localhost:3000/api/auth/jwks"), "http://localhost:3000");
    EXPECT_TEXT(origin_of("https://Auth.Example.org/jwks?a=b"), "https://auth.example.org");
    EXPECT_TEXT(origin_of("HTTPS://example.org:443"), "https://example.org");
    EXPECT_TEXT(origin_of("http://example.org:80/"), "http://example.org");
    EXPECT_TEXT(origin_of("https://example.org:80?x"), "https://example.org:80");
    EXPECT_TEXT(origin_of("http://[::1]:3000/jwks"), "http://[::1]:3000");
    EXPECT_TEXT(origin_of("http://[::1]/jwks"), "http://[::1]");
    const auto set = load_quietly({{"JWKS_URL", "https://example.org/jwks"},
                                   {"JWKS_ISSUER", "the issuer"},
                                   {"JWKS_AUDIENCE", "the audience"}});
    EXPECT_TEXT(set.jwks_issuer, "the issuer");
    EXPECT_TEXT(set.jwks_audience, "the audience");
    const auto file = load_quietly({{"JWKS_FILE", "/etc/keys.json"}});
    EXPECT_TEXT(file.jwks_issuer + file.jwks_audience, "");
}

Test(config, refuses_key_sets_that_nobody_should_trust) {
    const std::string malformed = "JWKS_URL must be a URL: http(s)://host:port/path";
    for (const auto* url :
         {"example.org/jwks", "ftp://example.org/", "file:///etc/keys", "http://", "https:///jwks",
          "https://user:password@example.org/", "https://a b/", "https://example.org:/",
          "https://example.org:x/", "https://[::1", "https://example.org/#x",
          "https://example.org\\@evil.test/", "javascript:alert(1)", "https://ex\xc3\xa4mple.org/"})
        EXPECT_TEXT(url + (" " + faults({{"JWKS_URL", url}})), url + (" " + malformed));
    const auto in_production = [](const std::string& url) {
        return faults(production({{"JWKS_URL", url}}));
    };
    for (const auto* url : {"https://example.org/jwks", "http://localhost:3000/jwks",
                            "http://auth.localhost/jwks", "http://127.0.0.1/", "http://[::1]:1/"})
        EXPECT_TEXT(in_production(url), "");
    for (const auto* url : {"http://example.org/jwks", "http://127.0.0.1.example.org/",
                            "http://localhost.example.org/", "http://notlocalhost/"})
        EXPECT_TEXT(in_production(url), "JWKS_URL must be https in production");
    EXPECT_TEXT(faults({{"JWKS_URL", "https://example.org"}, {"JWKS_FILE", "/keys.json"}}),
                "JWKS_URL and JWKS_FILE exclude each other");
}

Test(config, prestart_is_on_or_off) {
    cr_expect(load_quietly({{"PRESTART", "on"}}).is_prestarted());
    cr_expect_not(load_quietly({{"PRESTART", "off"}}).is_prestarted());
    EXPECT_TEXT(faults({{"PRESTART", "yes"}}), "PRESTART must be one of on|off");
}

Test(config, the_demo_user_is_no_uuid) {
    cr_expect(load_quietly({{"DEMO_MODE", "on"}}).is_demo());
    EXPECT_TEXT(faults({{"DEMO_MODE", "on"}, {"USER_ID_FORMAT", "uuid"}}),
                "DEMO_MODE needs USER_ID_FORMAT=any: demo-user is no UUID");
    EXPECT_TEXT(faults({{"DEMO_MODE", "true"}}), "DEMO_MODE must be one of on|off");
    EXPECT_TEXT(faults({{"USER_ID_FORMAT", "UUID"}}), "USER_ID_FORMAT must be one of any|uuid");
}

}  // namespace config_test
