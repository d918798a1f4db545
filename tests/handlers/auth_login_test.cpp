#include "tests/support/service.hpp"

namespace {

void add_account(Service& service, const std::string& email, const std::string& password) {
    service.database().execute("INSERT INTO users (id, email, password_hash) VALUES ('" +
                               Uuid::random().text() + "', '" + email + "', '" +
                               hash_password(password, 4) + "')");
}

Sent login(const std::string& email, const std::string& password) {
    return {.method = "POST",
            .target = "/auth/login",
            .body = R"({"email":")" + email + R"(","password":")" + password + R"("})",
            .content_type = "application/json"};
}

}  // namespace

ON_BOTH_ENGINES(auth_login, gives_a_token_that_verifies) {
    add_account(service, "ada@example.org", "correct horse");
    const auto response = service.send(login("ada@example.org", "correct horse"));
    cr_assert_eq(response.status(), 200, "%s", std::string{response.body()}.c_str());
    const auto body = json_of(response);
    EXPECT_TEXT(member(body, "token_type"), "bearer");
    cr_assert_eq(body["expires_in"].GetInt64(), 3600);
    const auto identity = service.context().tokens.verify(member(body, "access_token"));
    EXPECT_TEXT(identity.email, "ada@example.org");
    EXPECT_TEXT(identity.user_id, service.database().execute("SELECT id FROM users"));
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-store");
}

ON_BOTH_ENGINES(auth_login, ignores_the_case_of_the_email) {
    add_account(service, "ada@example.org", "correct horse");
    cr_assert_eq(service.send(login(" Ada@Example.ORG ", "correct horse")).status(), 200);
}

ON_BOTH_ENGINES(auth_login, refuses_a_wrong_password_and_an_unknown_email_alike) {
    add_account(service, "ada@example.org", "correct horse");
    for (const auto& sent :
         {login("ada@example.org", "wrong horse"), login("bob@example.org", "correct horse"),
          login("ada@example.org", std::string(73, 'x')), login("ada@example.org", "\\u00e9")}) {
        const auto response = service.send(sent);
        expect_error(response, Error::invalid_credentials);
        EXPECT_TEXT(std::string{response.header("WWW-Authenticate")}, "Bearer");
    }
}

ON_BOTH_ENGINES(auth_login, renews_a_hash_of_another_cost) {
    const auto hash = [&] { return service.database().execute("SELECT password_hash FROM users"); };
    for (const int cost : {5, 6}) {
        service.database().execute("DELETE FROM users");
        service.database().execute(
            "INSERT INTO users (id, email, password_hash) VALUES ('a', 'ada@example.org', '" +
            hash_password("correct horse", cost) + "')");
        const auto before = hash();
        cr_assert_eq(service.send(login("ada@example.org", "wrong horse")).status(), 401);
        EXPECT_TEXT(hash(), before);
        cr_assert_eq(service.send(login("ada@example.org", "correct horse")).status(), 200);
        EXPECT_TEXT(hash().substr(0, 7), "$2b$04$");
        const auto renewed = hash();
        cr_assert_eq(service.send(login("ada@example.org", "correct horse")).status(), 200);
        EXPECT_TEXT(hash(), renewed);
    }
}

ON_BOTH_ENGINES(auth_login, refuses_an_account_without_a_password) {
    service.database().execute("INSERT INTO users (id, email) VALUES ('x', 'eve@example.org')");
    expect_error(service.send(login("eve@example.org", "anything")), Error::invalid_credentials);
}

ON_BOTH_ENGINES(auth_login, names_every_bad_field_at_once) {
    const auto response = service.send({.method = "POST",
                                        .target = "/auth/login",
                                        .body = R"({"email":7,"remember":true})",
                                        .content_type = "application/json"});
    expect_error(response, Error::validation_error);
    cr_assert_eq(json_of(response)["details"].Size(), 3);
}

ON_BOTH_ENGINES(auth_login, refuses_a_body_that_is_too_large_or_no_json) {
    auto sent = login("ada@example.org", "correct horse");
    sent.content_type = "application/x-www-form-urlencoded";
    expect_error(service.send(sent), Error::unsupported_media_type);
    sent = login("ada@example.org", std::string(65'537, 'x'));
    expect_error(service.send(sent), Error::payload_too_large);
}

ON_BOTH_ENGINES(auth_login, does_not_take_sql_for_an_email) {
    add_account(service, "ada@example.org", "correct horse");
    expect_error(service.send(login("' OR 1=1 --", "correct horse")), Error::invalid_credentials);
}

ON_BOTH_ENGINES(auth_login, limits_attempts) {
    service.config().login_rate_limit = {2, std::chrono::days{1}};
    add_account(service, "ada@example.org", "correct horse");
    const auto from = [&](const std::string& email, const std::string& password) {
        auto sent = login(email, password);
        sent.remote_address = "192.0.2.1";
        return service.send(sent);
    };
    cr_assert_eq(from("ada@example.org", "correct horse").status(), 200);
    const auto wrong = from("Ada@example.org", "wrong horse");
    expect_error(wrong, Error::invalid_credentials);
    EXPECT_TEXT(std::string{wrong.header("RateLimit-Policy")}, R"("default";q=2;w=86400)");
    EXPECT_TEXT(std::string{wrong.header("RateLimit")}, R"("default";r=0;t=86400)");
    const auto refused = from("bob@example.org", "correct horse");
    expect_error(refused, Error::rate_limited);
    EXPECT_TEXT(std::string{refused.header("Retry-After")}, "43200");
    expect_error(service.send(login("bob@example.org", "x")), Error::invalid_credentials);
}

// The new hash and the network are written in one batch.
ON_BOTH_ENGINES(auth_login, notes_the_network_while_it_renews_the_hash) {
    add_account(service, "ada@example.org", "correct horse");
    service.database().execute("UPDATE users SET password_hash = '" +
                               hash_password("correct horse", 5) + "'");
    auto sent = login("ada@example.org", "correct horse");
    sent.remote_address = "2001:db8::1";
    cr_assert_eq(service.send(sent).status(), 200);
    EXPECT_TEXT(service.database().execute("SELECT network FROM login_networks"),
                "20010db800000000");
    EXPECT_TEXT(service.database().execute("SELECT substr(password_hash, 1, 7) FROM users"),
                "$2b$04$");
}
