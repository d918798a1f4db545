#include <chrono>
#include <utility>
#include <vector>

#include "shared/config/setting.hpp"
#include "tests/shared/config/loading.hpp"

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
        EXPECT_TEXT(faults({{"CORS_ORIGINS", origin}}),
                    std::string{"CORS_ORIGINS must be origins (scheme://host:port, without a path "
                                "or a final slash), not "} +
                        origin);
        EXPECT_TEXT(faults({{"FRONTEND_ORIGIN", origin}}),
                    "FRONTEND_ORIGIN must be an origin (scheme://host:port, without a path or a "
                    "final slash)");
    }
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

Test(config, shows_where_databases_are) {
    static constexpr struct {
        const char* url;
        const char* masked;
    } cases[] = {
        {"postgresql://h/d", "postgresql://h/d"},
        {"postgresql://", "postgresql://"},
        {"postgres://u:hunter2@h:5433/d", "postgres://********@h:5433/d"},
        {"postgresql://hunter2@h1:1,h2/d", "postgresql://********@h1:1,h2/d"},
        {"postgresql://u:hunter2?hunter2@h/d?sslmode=require",
         "postgresql://********@h/d?sslmode=require"},
        {"postgresql://h/d?user=hunter2&password=hunter2&sslmode=disable&sslpassword=hunter2",
         "postgresql://h/d?user=********&password=********&sslmode=disable&sslpassword=********"},
        {"postgresql://?host=/tmp&dbname=d", "postgresql://?host=/tmp&dbname=d"},
        {"sqlite:////srv/a@b.db", "sqlite:////srv/a@b.db"},
    };
    for (const auto& [url, masked] : cases)
        EXPECT_TEXT(setting("DATABASE_URL").show(load_quietly({{"DATABASE_URL", url}})), masked);
    const std::pair<const char*, const char*> limits[] = {
        {"memory://", "memory://"},
        {"redis://h", "redis://h:6379/0"},
        {"redis://:hunter2@h:1/2", "redis://********@h:1/2"},
        {"redis://u:hunter2@[::1]", "redis://********@[::1]:6379/0"}};
    for (const auto& [url, masked] : limits)
        EXPECT_TEXT(setting("REDIS_URL").show(load_quietly({{"REDIS_URL", url}})), masked);
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
        for (const auto& origin : config.allowed_origins) text += origin + "|";
        EXPECT_TEXT(text, all);
    }
}

Test(config, checks_limits) {
    for (const std::string setting : {"LOGIN_RATE_LIMIT", "RATE_LIMIT", "USER_RATE_LIMIT"}) {
        for (const char* good : {"1/second", "10/minute", "100/hour", "86400000/day", "off"})
            EXPECT_TEXT(faults({{setting, good}}), "");
        for (const char* bad :
             {"10", "0/minute", "10/week", "1001/second", "10/minute;", " 10/minute", "OFF"})
            EXPECT_TEXT(faults({{setting, bad}}),
                        setting +
                            " must be off, or a number and a unit, at most 1000 per second: "
                            "10/second, 10/minute, 10/hour or 10/day");
    }
    for (const std::string setting :
         {"MAX_BOARD_TASKS", "MAX_CONVERSATIONS_PER_USER", "MAX_MESSAGES_PER_CONVERSATION",
          "MAX_STREAMS_PER_USER", "MAX_TASKS_PER_USER"}) {
        for (const char* good : {"1", "10000", "9223372036854775807", "off"})
            EXPECT_TEXT(faults({{setting, good}}), "");
        for (const char* bad : {"0", "-1", "1.5", "1e3", "none", "9223372036854775808"})
            EXPECT_TEXT(faults({{setting, bad}}),
                        setting + " must be off, or a whole number from 1");
    }
    const auto limit = load_quietly({{"RATE_LIMIT", "7/hour"}}).rate_limit;
    cr_expect(limit && limit->limit == 7 && limit->window == std::chrono::hours{1});
    cr_expect_not(load_quietly({{"RATE_LIMIT", "off"}}).rate_limit);
    const auto redis = load_quietly({{"REDIS_URL", "redis://:secret@h:1/2"}}).redis_url;
    cr_assert(redis.has_value());
    EXPECT_TEXT(redis->place() + " " + redis->password, "h:1 secret");
    for (const char* good : {"memory://", "redis://:secret@localhost:6379/0", "redis://h"})
        EXPECT_TEXT(faults({{"REDIS_URL", good}}), "");
    for (const char* bad : {"redis://:secret@h:port", "rediss://h", "memory", "x"})
        EXPECT_TEXT(faults({{"REDIS_URL", bad}}),
                    "REDIS_URL must be memory:// or redis://user:password@host:port/database, "
                    "where only the host is required, special characters as %XX");
}

Test(config, checks_api_keys) {
    cr_expect(load_quietly({}).api_keys.empty());
    const auto keys =
        load_quietly({{"API_KEYS", " 0123456789abcdef,, sixteen-bytes+/=~ ,"}}).api_keys;
    cr_expect(keys == std::vector<std::string>({"0123456789abcdef", "sixteen-bytes+/=~"}));
    for (const char* bad : {"0123456789 abcdef", "good,0123456789abcd\xc3\xa4"})
        EXPECT_TEXT(faults({{"API_KEYS", bad}}),
                    "API_KEYS must be keys of visible ASCII characters");
    const auto dump = dump_config(load_quietly({{"API_KEYS", "0123456789abcdef"}}));
    cr_expect(dump.find("0123456789abcdef") == dump.npos);
    cr_expect(dump.find("API_KEYS=********\n") != dump.npos);
}

// These end up in nginx's configuration.
Test(config, checks_trusted_proxies) {
    const auto config =
        load_quietly({{"TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1 ,,fd00::/8,::1,0.0.0.0/0"}});
    const std::vector<std::string> wanted = {"10.0.0.0/8", "192.0.2.1", "fd00::/8", "::1",
                                             "0.0.0.0/0"};
    cr_expect(config.trusted_proxies == wanted);
    for (const std::string bad :
         {"10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8",
          "10.0.0/8", "proxy.example.org", "unix:", "all", "10.0.0.1; deny all", "[::1]", "/8",
          "10.0.0.1 10.0.0.2", "10.0.0.1:80", "$host"})
        EXPECT_TEXT(faults({{"TRUSTED_PROXIES", "::1," + bad}}),
                    "TRUSTED_PROXIES must be addresses or networks such as 10.0.0.0/8, not " + bad);
}

Test(config, prestart_is_on_or_off) {
    cr_expect(load_quietly({{"PRESTART", "on"}}).prestart);
    cr_expect_not(load_quietly({{"PRESTART", "off"}}).prestart);
    EXPECT_TEXT(faults({{"PRESTART", "yes"}}), "PRESTART must be one of on|off");
}

Test(config, takes_ages) {
    constexpr auto fault =
        "EVENTS_KEEP must be off, or an age of at most 36500d: 7d, 12h, 15m or 90s";
    for (const char* age : {"0d", "-1d", "7", "d", "7 d", "7D", "1.5h", "36501d", "3153600001s",
                            "on", "99999999999999999999d", "7dd"})
        EXPECT_TEXT(faults({{"EVENTS_KEEP", age}}), fault);
    static constexpr std::pair<const char*, const char*> ages[] = {
        {"off", "off"}, {"7d", "7d"},   {"36500d", "36500d"}, {"24h", "1d"},
        {"36h", "36h"}, {"90s", "90s"}, {"120s", "2m"},       {"3600s", "1h"}};
    for (const auto& [text, printed] : ages)
        EXPECT_TEXT(setting("EVENTS_KEEP").print(load({{"EVENTS_KEEP", text}})), printed);
    cr_expect(load({{"JOBS_KEEP", "2h"}}).jobs_keep == std::chrono::seconds{7200});
}

Test(config, takes_an_address_with_a_port) {
    constexpr auto fault =
        "METRICS_LISTEN must be off, or an address and a port: 127.0.0.1:9464 or [::1]:9464";
    for (const char* address :
         {"9464", ":9464", "localhost:9464", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536",
          "::1:9464", "[127.0.0.1]:80", "[::1]", "127.0.0.1:9464;", "on", "[::1:80"})
        EXPECT_TEXT(faults({{"METRICS_LISTEN", address}}), fault);
    for (const char* address : {"off", "127.0.0.1:9464", "[::1]:9464", "0.0.0.0:1", "[::]:65535"})
        EXPECT_TEXT(setting("METRICS_LISTEN").print(load({{"METRICS_LISTEN", address}})), address);
}

Test(config, takes_names_that_are_safe_in_the_configuration_of_nginx) {
    for (const char* file :
         {"key.pem", "./key.pem", "/a b", "/a;b", "/a\"b", "/a'b", "/a{b", "/a$b", "/a\\b", "/a#b"})
        for (const char* name : {"TLS_CERTIFICATE", "TLS_KEY"}) {
            const auto fault = faults({{name, file}});
            cr_expect(fault.starts_with(std::string{name} + " must be the absolute path of a file"),
                      "%s=%s: %s", name, file, fault.c_str());
        }
    for (const char* group : {"www data", "www:data", "a/b"})
        EXPECT_TEXT(faults({{"SOCKET_GROUP", group}}), "SOCKET_GROUP must be the name of a group");
    EXPECT_TEXT(faults({{"SOCKET_GROUP", "www-data"}}), "");
}
