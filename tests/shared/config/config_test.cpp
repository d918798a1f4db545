#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "shared/config/setting.hpp"
#include "tests/shared/config/loading.hpp"

static std::string default_of(const Setting& row) {
    return row.name == "JWT_SECRET" ? strong_secret : std::string{row.default_value};
}

Test(config, has_safe_defaults) {
    const auto config = load_quietly({});
    cr_expect_eq(config.bcrypt_cost, 12);
    cr_expect(config.cors_origins == std::vector<std::string>{"http://localhost:3001"});
    EXPECT_TEXT(config.database_url.text, "sqlite:///./steelthread.db");
    cr_expect_eq(config.db_connect_timeout_ms, 2000);
    cr_expect_eq(config.db_deadline_ms, 3000);
    cr_expect_eq(config.db_pool_size, 4);
    cr_expect(config.db_prepare == PreparedStatements::when_direct);
    EXPECT_TEXT(config.dev_user_email, "");
    cr_expect(config.dev_user_password.empty());
    cr_expect(config.environment == Environment::development);
    cr_expect_not(config.is_production());
    EXPECT_TEXT(config.host, "127.0.0.1");
    cr_expect_eq(config.jwt_expire_minutes, 60);
    cr_expect(config.log_level == logging::Level::info);
    EXPECT_TEXT(text_of(config.login_rate_limit.value()), "10/minute");
    cr_expect_eq(config.port, 8000);
    cr_expect_not(config.redis_url.has_value());
    EXPECT_TEXT(config.run_dir, "./run");
    cr_expect(config.sqlite_synchronous == Synchronous::full);
    cr_expect(config.trusted_proxies.empty());
    cr_expect(config.better_auth_secret.empty());
    cr_expect_not(config.jwks_url.has_value());
    EXPECT_TEXT(config.jwks_file + config.jwks_issuer + config.jwks_audience, "");
    cr_expect_not(config.demo_mode);
    cr_expect_not(config.prestart);
    cr_expect(config.user_id_format == UserIdFormat::any);
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
    cr_expect(config.environment == Environment::test);
    cr_expect(config.log_level == logging::Level::warning);
    EXPECT_TEXT(config.database_url.text, "postgresql://u:p@h/d?sslmode=require");
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
                "CORS_ORIGINS must be origins (scheme://host:port, without a path or a final "
                "slash), not http://a/\n"
                "DATABASE_URL must start with postgresql:// or sqlite:///\n"
                "DEV_USER_PASSWORD cannot be read from /nonexistent/password\n"
                "HOST contains a control character\n"
                "LOG_LEVEL must be one of debug|info|warning|error\n"
                "PORT must be a whole number from 1 to 65535\n"
                "WORKERS_ROOT must be a whole number from 1 to 64");
}

Test(config, names_one_cause_once) {
    EXPECT_TEXT(faults({{"ENVIRONMENT", "production"}, {"JWT_SECRET", "@/nonexistent/secret"}}),
                "JWT_SECRET cannot be read from /nonexistent/secret");
    EXPECT_TEXT(faults({{"DATABASE_URL", "@/nonexistent/url"}}),
                "DATABASE_URL cannot be read from /nonexistent/url");
}

Test(config, reads_secrets_from_files) {
    const Folder folder;
    const auto load_secret = [&](std::string_view text) {
        return load({{"JWT_SECRET", "@" + folder.file("secret", text)}}).jwt_secret.reveal();
    };
    EXPECT_TEXT(load_secret("from a file"), "from a file");
    EXPECT_TEXT(load_secret("from a file\n"), "from a file");
    EXPECT_TEXT(load_secret("from a file\r\n\n"), "from a file");
    EXPECT_TEXT(load_secret(" spaces stay "), " spaces stay ");
    EXPECT_TEXT(load_secret("@/not/twice"), "@/not/twice");
    const auto number = "@" + folder.file("port", "81\n");
    cr_expect_eq(load_quietly({{"PORT", number}}).port, 81);
    const auto url = "@" + folder.file("url", "postgresql://h/d\n");
    EXPECT_TEXT(load_quietly({{"DATABASE_URL", url}}).database_url.text, "postgresql://h/d");
    EXPECT_TEXT(load_quietly({{"NEON_DB_URL", url}}).database_url.text, "postgresql://h/d");
    // Only an absolute path names a file. "@home" is an ordinary password.
    EXPECT_TEXT(load_quietly({{"DEV_USER_PASSWORD", "@home"}}).dev_user_password.reveal(), "@home");
}

Test(config, reports_files_that_hold_no_secret) {
    const Folder folder;
    EXPECT_TEXT(faults({{"JWT_SECRET", "@" + folder.path()}}),
                "JWT_SECRET cannot be read from " + folder.path());
    EXPECT_TEXT(faults({{"JWT_SECRET", "@" + folder.path("absent")}}),
                "JWT_SECRET cannot be read from " + folder.path("absent"));
    EXPECT_TEXT(faults({{"JWT_SECRET", "@" + folder.file("two", "one\ntwo\n")}}),
                "JWT_SECRET contains a control character");
    const std::string with_nul{"a\0b", 3};
    EXPECT_TEXT(faults({{"JWT_SECRET", "@" + folder.file("nul", with_nul)}}),
                "JWT_SECRET contains a control character");
    EXPECT_TEXT(faults(production({{"JWT_SECRET", "@" + folder.file("empty", "\n")}})),
                secret_required);
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

Test(config, takes_numbers_of_workers) {
    const auto config =
        load_quietly({{"WORKERS_ROOT", "1"}, {"WORKERS_AUTH_LOGIN", "64"}, {"WORKERS_HEALTH", ""}});
    cr_expect_eq(config.workers.size(), 2u);
    cr_expect_eq(config.workers.at("ROOT"), 1u);
    cr_expect_eq(config.workers.at("AUTH_LOGIN"), 64u);
    for (const char* value : {"0", "65", "-1", "two", "1.0", " 1"})
        EXPECT_TEXT(faults({{"WORKERS_ROOT", value}}),
                    "WORKERS_ROOT must be a whole number from 1 to 64");
}

Test(config, falls_back_to_neon_db_url) {
    const std::string neon = "postgresql://u:p@ep-x-pooler.neon.tech/d?sslmode=require";
    EXPECT_TEXT(load_quietly({{"NEON_DB_URL", neon}}).database_url.text, neon);
    EXPECT_TEXT(load_quietly({{"NEON_DB_URL", neon}, {"DATABASE_URL", ""}}).database_url.text,
                neon);
    EXPECT_TEXT(
        load_quietly({{"NEON_DB_URL", neon}, {"DATABASE_URL", "sqlite:///a.db"}}).database_url.text,
        "sqlite:///a.db");
    EXPECT_TEXT(faults({{"NEON_DB_URL", "mysql://h/d"}}),
                "NEON_DB_URL must start with postgresql:// or sqlite:///");
    EXPECT_TEXT(faults({{"NEON_DB_URL", "mysql://h/d"}, {"DATABASE_URL", "sqlite:///a.db"}}), "");
}

// For every kind of setting, the service accepts what dump_config() prints.
Test(config, prints_values_as_it_takes_them) {
    static constexpr struct {
        const char* name;
        const char* text;
        const char* printed;
    } cases[] = {
        {"API_KEYS", " 0123456789abcdef ,,0123456789ABCDEF", "0123456789abcdef,0123456789ABCDEF"},
        {"DATABASE_URL", "postgresql://u:p@h/d?sslmode=require",
         "postgresql://u:p@h/d?sslmode=require"},
        {"DB_PREPARE", "on", "on"},
        {"DEMO_MODE", "on", "on"},
        {"ENVIRONMENT", "test", "test"},
        {"JWKS_URL", "https://Example.org:443/jwks", "https://Example.org:443/jwks"},
        {"LOG_LEVEL", "error", "error"},
        {"PORT", "080", "80"},
        {"RATE_LIMIT", "007/day", "7/day"},
        {"RATE_LIMIT", "off", "off"},
        {"MAX_BOARD_TASKS", "020", "20"},
        {"MAX_BOARD_TASKS", "off", "off"},
        {"REDIS_URL", "redis://u:p@[::1]/2", "redis://[::1]:6379/2"},
        {"REDIS_URL", "memory://", "memory://"},
        {"SQLITE_SYNCHRONOUS", "NORMAL", "NORMAL"},
        {"USER_ID_FORMAT", "uuid", "uuid"},
    };
    for (const auto& [name, text, printed] : cases) {
        EXPECT_TEXT(setting(name).print(load_quietly({{name, text}})), printed);
        EXPECT_TEXT(setting(name).print(load_quietly({{name, printed}})), printed);
    }
    for (const auto& row : settings()) EXPECT_TEXT(row.print(load_quietly({})), default_of(row));
    cr_expect(throws<std::logic_error>([] { setting("PORTS"); }));
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
          "\nDATABASE_URL=postgresql://********@h/d\n", "\nNEON_DB_URL=********\n",
          "\nDEV_USER_PASSWORD=********\n", "\nPORT=81\n", "\nHOST=::1\n", "\nFRONTEND_ORIGIN=\n"})
        cr_expect(("\n" + text).find(line) != text.npos, "%s in\n%s", line, text.c_str());
    cr_expect_eq(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')),
                 settings().size());
    // An empty secret is printed as empty: that it is not set need not be hidden.
    const auto empty = dump_config(load_quietly({}));
    cr_expect(empty.find("\nJWT_SECRET_PREVIOUS=\n") != empty.npos, "%s", empty.c_str());
}

Test(config, an_endpoint_reads_the_settings_of_its_groups) {
    const Variables variables{{"API_KEYS", "a key of less"},
                              {"API_PREFIX", "/people"},
                              {"BETTER_AUTH_SECRET", strong_secret},
                              {"DEMO_MODE", "maybe"},
                              {"ENVIRONMENT", "production"},
                              {"JWT_SECRET", strong_secret},
                              {"PORT", "http"},
                              {"WORKERS_ROOT", "no"}};
    const SettingGroups common{SettingGroup::common};
    const auto config = load_config(variables, common);
    EXPECT_TEXT(config.api_prefix, "/people");
    cr_expect(config.is_production() && config.jwt_secret.empty() &&
              config.better_auth_secret.empty());
    cr_expect_eq(config.port, 8000);  // the default
    cr_expect_not(config.demo_mode);

    const auto dumped = dump_config(config);
    cr_expect(dumped.starts_with("API_PREFIX=/people\n"), "%s", dumped.c_str());
    cr_expect_eq(dumped.find("JWT_SECRET"), dumped.npos);

    // A rule applies to programs that read all of its settings.
    const auto fault = [&](const SettingGroups& groups) -> std::string {
        try {
            load_config({{"ENVIRONMENT", "production"}, {"JWT_SECRET", "short"}}, groups);
        } catch (const ConfigError& error) {
            return error.what();
        }
        return {};
    };
    EXPECT_TEXT(fault({SettingGroup::common, SettingGroup::keys}), "");
    EXPECT_TEXT(fault({SettingGroup::common, SettingGroup::tokens}),
                "JWT_SECRET must have at least 32 bytes in production");
}

Test(config, reads_the_environment_of_the_process) {
    setenv("JWT_SECRET", strong_secret, 1);
    setenv("PORT", "8123", 1);
    unsetenv("DATABASE_URL");
    unsetenv("NEON_DB_URL");
    const auto config = load_config();
    cr_expect_eq(config.port, 8123);
    EXPECT_TEXT(config.jwt_secret.reveal(), strong_secret);
    EXPECT_TEXT(config.database_url.text, "sqlite:///./steelthread.db");
}

Test(config, an_endpoint_has_the_processes_of_its_setting_or_its_default) {
    const auto config = load_quietly({{"WORKERS_AUTH_SIGNIN", "5"}, {"WORKERS_ROOT", "3"}});
    cr_expect_eq(config.worker_count("auth_login", 2), 2u);
    cr_expect_eq(config.worker_count("auth_signin", 2), 5u);
    cr_expect_eq(config.worker_count("root", 1), 3u);
    cr_expect_eq(config.worker_count("health", 1), 1u);
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
    EXPECT_TEXT(set.jwks_client_id, "");
    const auto file = load_quietly({{"JWKS_FILE", "/etc/keys.json"}});
    EXPECT_TEXT(file.jwks_issuer + file.jwks_audience, "");
    const auto any = load_quietly({{"JWKS_URL", "https://example.org/jwks"},
                                   {"JWKS_AUDIENCE", "any"},
                                   {"JWKS_CLIENT_ID", "app"}});
    EXPECT_TEXT(any.jwks_issuer, "https://example.org");
    EXPECT_TEXT(any.jwks_audience, std::string{any_audience});
    EXPECT_TEXT(any.jwks_client_id, "app");
}
