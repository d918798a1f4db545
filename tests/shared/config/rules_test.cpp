#include "tests/shared/config/loading.hpp"

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

Test(config, insists_on_strong_secrets_in_production) {
    EXPECT_TEXT(faults(production()), "");
    cr_expect(load(production()).is_production());
    EXPECT_TEXT(faults(production({{"JWT_SECRET", std::string(31, 'x')}})),
                "JWT_SECRET must have at least 32 bytes in production");
    EXPECT_TEXT(faults(production({{"JWT_SECRET_PREVIOUS", std::string(31, 'x')}})),
                "JWT_SECRET_PREVIOUS must have at least 32 bytes in production");
    EXPECT_TEXT(faults(production({{"JWT_SECRET_PREVIOUS", std::string(32, 'x')}})), "");
    EXPECT_TEXT(faults(production({{"API_KEYS", "0123456789abcdef,0123456789abcde"}})),
                "API_KEYS must have at least 16 bytes each in production");
    EXPECT_TEXT(faults(production({{"API_KEYS", "0123456789abcdef"}})), "");
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
    // Development and test accept any value.
    for (const char* environment : {"development", "test"})
        EXPECT_TEXT(faults({{"ENVIRONMENT", environment},
                            {"JWT_SECRET", "x"},
                            {"API_KEYS", "ci-key"},
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
        EXPECT_TEXT(faults({{"HOST", host}, {"API_KEYS", "0123456789abcde"}}),
                    "API_KEYS must have at least 16 bytes each" + where);
    }
    // A missing secret is generated, and is strong.
    for (const char* host : {"127.0.0.1", "127.1.2.3", "::1", "0.0.0.0"})
        cr_expect_eq(
            load_with_secret({{"HOST", host}, {"RUN_DIR", folder.path("run")}}).jwt_secret.size(),
            64u);
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
                "JWKS_URL and JWKS_FILE cannot both be set");
}

Test(config, the_demo_user_is_no_uuid) {
    cr_expect(load_quietly({{"DEMO_MODE", "on"}}).demo_mode);
    EXPECT_TEXT(faults({{"DEMO_MODE", "on"}, {"USER_ID_FORMAT", "uuid"}}),
                "DEMO_MODE needs USER_ID_FORMAT=any: demo-user is not a UUID");
    EXPECT_TEXT(faults({{"DEMO_MODE", "true"}}), "DEMO_MODE must be one of on|off");
    EXPECT_TEXT(faults({{"USER_ID_FORMAT", "UUID"}}), "USER_ID_FORMAT must be one of any|uuid");
}

// A rule is skipped if a setting it reads is faulty.
Test(config, skips_rules_that_read_a_faulty_setting) {
    EXPECT_TEXT(faults({{"ENVIRONMENT", "live"}, {"JWT_SECRET", "short"}, {"DEMO_MODE", "on"}}),
                "ENVIRONMENT must be one of development|test|production");
    EXPECT_TEXT(faults({{"HOST", "here"}, {"JWT_SECRET", "short"}}),
                "HOST must be an IPv4 or IPv6 address");
    EXPECT_TEXT(faults(production({{"HOST", "here"}, {"JWT_SECRET", "short"}})),
                "HOST must be an IPv4 or IPv6 address\n"
                "JWT_SECRET must have at least 32 bytes in production");
    EXPECT_TEXT(faults({{"DEV_USER_EMAIL", "ada"}, {"DEV_USER_PASSWORD", "short"}}),
                "DEV_USER_EMAIL must be an e-mail address");
    EXPECT_TEXT(faults({{"JWKS_URL", "example.org"}, {"JWKS_FILE", "/keys.json"}}),
                "JWKS_URL must be a URL: http(s)://host:port/path");
    // A fault in JWT_SECRET_PREVIOUS does not hide one in JWT_SECRET.
    EXPECT_TEXT(faults(production({{"JWT_SECRET_PREVIOUS", "a\nb"}, {"JWT_SECRET", "short"}})),
                "JWT_SECRET_PREVIOUS contains a control character\n"
                "JWT_SECRET must have at least 32 bytes in production");
}

Test(config, wants_a_certificate_with_its_key) {
    constexpr auto fault = "TLS_CERTIFICATE and TLS_KEY must be set together";
    EXPECT_TEXT(faults({{"TLS_CERTIFICATE", "/c.pem"}}), fault);
    EXPECT_TEXT(faults({{"TLS_KEY", "/k.pem"}}), fault);
    EXPECT_TEXT(faults({{"TLS_CERTIFICATE", "/c.pem"}, {"TLS_KEY", "/k.pem"}}), "");
}

Test(config, keeps_metrics_off_the_users_port) {
    EXPECT_TEXT(faults({{"PORT", "9464"}, {"METRICS_LISTEN", "127.0.0.1:9464"}}),
                "METRICS_LISTEN must have another port than PORT");
    EXPECT_TEXT(faults({{"PORT", "9465"}, {"METRICS_LISTEN", "127.0.0.1:9464"}}), "");
}
