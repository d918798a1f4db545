#include "tests/support/crypt.hpp"
#include "tests/support/service.hpp"

namespace {

constexpr const char* password = "correct horse";

Sent signup(const std::string& email, const std::string& new_password = password) {
    return {.method = "POST",
            .target = "/api/auth/signup",
            .body = R"({"email":")" + email + R"(","password":")" + new_password + R"("})",
            .content_type = "application/json"};
}

void expect_created(const Response& response) {
    cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
}

std::string repeated(const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
}

}  // namespace

ON_BOTH_ENGINES(auth_signup, makes_an_account_with_a_uuid_and_a_hash) {
    const auto response = service.send(signup(" Ada@Example.ORG "));
    expect_created(response);
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-store");
    const auto data = json::parse(data_of(response, "Account created"));
    cr_assert_eq(data.MemberCount(), 4u);
    cr_expect(data["name"].IsNull());
    EXPECT_TEXT(member(data, "email"), "ada@example.org");
    const auto id = member(data, "id");
    cr_expect(Uuid::parse(id).has_value(), "%s", id.c_str());
    cr_expect_eq(member(data, "created_at").size(), 27u);
    const auto& database = service.database();
    EXPECT_TEXT(database.execute("SELECT id FROM users WHERE email = 'ada@example.org'"), id);
    const auto hash = database.execute("SELECT password_hash FROM users");
    EXPECT_TEXT(hash.substr(0, 7), "$2b$04$");
    cr_expect(matches_password(password, hash));
    EXPECT_TEXT(database.execute("SELECT count(*) FROM users"), "1");
}

ON_BOTH_ENGINES(auth_signup, refuses_an_email_that_is_taken_and_hashes_all_the_same) {
    expect_created(service.send(signup("ada@example.org")));
    const auto hash = service.database().execute("SELECT password_hash FROM users");
    hashes = 0;
    for (const char* email : {"ada@example.org", "ADA@example.org", " ada@EXAMPLE.org"})
        expect_error(service.send(signup(email, "another horse")), Error::conflict);
    cr_expect_eq(hashes.load(), 3);
    EXPECT_TEXT(service.database().execute("SELECT password_hash FROM users"), hash);
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM users"), "1");
}

// The first request with a token of another issuer stores the address.
ON_BOTH_ENGINES(auth_signup, an_email_that_a_token_has_brought_is_taken) {
    service.database().execute(
        "INSERT INTO users (id, email) VALUES ('abcDEF123', 'eve@example.org')");
    expect_error(service.send(signup("eve@example.org")), Error::conflict);
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM users WHERE id = 'abcDEF123' AND "
                                           "password_hash IS NULL"),
                "1");
}

ON_BOTH_ENGINES(auth_signup, of_two_that_race_one_gets_the_email) {
    for (int round = 0; round < 5; ++round) {
        const auto email = "racer" + std::to_string(round) + "@example.org";
        const auto responses = service.send_all({signup(email), signup(email), signup(email)});
        std::vector<int> statuses;
        for (const auto& response : responses) statuses.push_back(response.status());
        std::sort(statuses.begin(), statuses.end());
        cr_assert(statuses == (std::vector{201, 409, 409}), "%d %d %d", statuses[0], statuses[1],
                  statuses[2]);
    }
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM users"), "5");
}

ON_BOTH_ENGINES(auth_signup, takes_passwords_of_8_to_72_bytes) {
    int count = 0;
    const auto sent = [&](const std::string& chosen) {
        return service.send(signup("ada" + std::to_string(++count) + "@example.org", chosen));
    };
    for (const auto& good : {repeated("x", 8), repeated("x", 72), repeated("ä", 4),
                             repeated("ä", 36), repeated("💙", 18),
                             // 72 bytes when composed, 108 as sent
                             repeated("a\xcc\x88", 36)})
        expect_created(sent(good));
    for (const auto& bad : {std::string{}, repeated("x", 7), repeated("ä", 3) + "x"})
        expect_detail(sent(bad), "body.password", "string_too_short");
    for (const auto& bad : {repeated("x", 73), repeated("ä", 37), repeated("x", 10'000)})
        expect_detail(sent(bad), "body.password", "string_too_long");
    for (const auto& blank :
         {repeated(" ", 8), repeated("\\u3000", 4), std::string{" \\t\\u2003    "}})
        expect_detail(sent(blank), "body.password", "value_error");
    expect_error(sent("correct\\u0000horse"), Error::validation_error);
    expect_error(sent("correct\\ud800horse"), Error::validation_error);
}

ON_BOTH_ENGINES(auth_signup, keeps_the_name) {
    const auto sent = [&](const std::string& name) {
        auto request = signup("ada@example.org");
        request.body.insert(1, R"("name":)" + name + ",");
        return service.send(request);
    };
    for (const char* name : {R"("")", R"(" \u3000")"})
        expect_detail(sent(name), "body.name", "string_too_short");
    expect_detail(sent("\"" + std::string(101, 'x') + "\""), "body.name", "string_too_long");
    expect_detail(sent("1"), "body.name", "string_type");
    for (const char* name :
         {R"("A\u001b[31mda")", R"("A\nda")", R"("A\u007fda")", R"("A\u009bda")"})
        expect_detail(sent(name), "body.name", "value_error");
    const auto response = sent(R"(" Ada King ")");
    expect_created(response);
    EXPECT_TEXT(member(json_of(response)["data"], "name"), "Ada King");
    EXPECT_TEXT(service.database().execute("SELECT name FROM users"), "Ada King");
}

// Before the body is looked at: no hash is computed.
ON_BOTH_ENGINES(auth_signup, is_refused_where_signing_up_is_closed) {
    service.config().signup = SignUp::closed;
    hashes = 0;
    expect_error(service.send(signup("ada@example.org")), Error::signup_closed);
    expect_error(service.send(signup("no address")), Error::signup_closed);
    cr_expect_eq(hashes.load(), 0);
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM users"), "0");
}

ON_BOTH_ENGINES(auth_signup, takes_sensible_email_addresses) {
    const auto long_domain = repeated(repeated("d", 61) + ".", 3) + "example";  // 193 bytes
    for (const auto& good :
         {std::string{"a@b.c"}, std::string{"ada.lovelace+tag@sub.example-host.org"},
          std::string{"o'hara_1/x@example.org"}, std::string{"a@1.example"},
          repeated("l", 60) + "@" + long_domain, repeated("l", 64) + "@example.org"})
        expect_created(service.send(signup(good)));
    for (const auto& bad : {std::string{},
                            std::string{"  "},
                            std::string{"ada"},
                            std::string{"@example.org"},
                            std::string{"ada@"},
                            std::string{"ada@localhost"},
                            std::string{"ada@@example.org"},
                            std::string{"ada@bob@example.org"},
                            std::string{"ada lovelace@example.org"},
                            std::string{"ada@exam ple.org"},
                            std::string{"ada@example.org\\nbcc:eve@example.org"},
                            std::string{"ada\\u0007@example.org"},
                            std::string{"ada\\u00a0x@example.org"},
                            std::string{"\\u00e4da@example.org"},
                            std::string{"ada@ex\\u00e4mple.org"},
                            std::string{".ada@example.org"},
                            std::string{"ada.@example.org"},
                            std::string{"a..da@example.org"},
                            std::string{"ada@.example.org"},
                            std::string{"ada@example.org."},
                            std::string{"ada@example..org"},
                            std::string{"ada@-example.org"},
                            std::string{"ada@example-.org"},
                            std::string{"ada@exam_ple.org"},
                            std::string{"ada@[127.0.0.1]"},
                            std::string{"<ada@example.org>"},
                            "a@" + repeated("d", 64) + ".org",
                            repeated("l", 65) + "@example.org",
                            repeated("l", 64) + "@" + long_domain.substr(4) + ".dddd"})
        expect_detail(service.send(signup(bad)), "body.email", "value_error");
}

ON_BOTH_ENGINES(auth_signup, names_every_bad_field_at_once) {
    hashes = 0;
    const auto response = service.send({.method = "POST",
                                        .target = "/api/auth/signup",
                                        .body = R"({"email":"ada","password":"x","admin":true})",
                                        .content_type = "application/json"});
    expect_error(response, Error::validation_error);
    const auto body = json_of(response);
    cr_assert_eq(body["error"]["details"].Size(), 3u, "%s", shown(response.body()).c_str());
    cr_expect_eq(hashes.load(), 0);
}

ON_BOTH_ENGINES(auth_signup, refuses_a_body_that_is_too_large_or_no_json) {
    auto sent = signup("ada@example.org");
    sent.content_type = "text/plain";
    expect_error(service.send(sent), Error::unsupported_media_type);
    expect_error(service.send(signup("ada@example.org", std::string(65'537, 'x'))),
                 Error::payload_too_large);
}

ON_BOTH_ENGINES(auth_signup, limits_attempts_before_it_hashes) {
    service.config().login_rate_limit = {2, std::chrono::days{1}};
    const auto from = [&](const std::string& email, const std::string& address) {
        auto sent = signup(email);
        sent.remote_address = address;
        return service.send(sent);
    };
    const auto first = from("ada@example.org", "192.0.2.1");
    expect_created(first);
    EXPECT_TEXT(std::string{first.header("RateLimit-Policy")}, R"("default";q=2;w=86400)");
    EXPECT_TEXT(std::string{first.header("RateLimit")}, R"("default";r=1;t=43200)");
    const auto taken = from("ada@example.org", "192.0.2.1");
    expect_error(taken, Error::conflict);
    EXPECT_TEXT(std::string{taken.header("X-RateLimit-Remaining")}, "0");
    hashes = 0;
    const auto refused = from("bob@example.org", "192.0.2.1");
    expect_error(refused, Error::rate_limited);
    cr_expect_eq(refused.header("Retry-After").size(), 5u);
    cr_expect_eq(hashes.load(), 0);
    expect_created(from("bob@example.org", "192.0.2.2"));
    // The address of an account has no count.
    for (int i = 3; i < 9; ++i)
        expect_error(from("ada@example.org", "192.0.2." + std::to_string(i)), Error::conflict);
    // Each account knows the network that it was created from.
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM login_networks"), "2");
    EXPECT_TEXT(
        service.database().execute("SELECT network FROM login_networks WHERE user_id = "
                                   "(SELECT id FROM users WHERE email = 'ada@example.org')"),
        "c0000201");
}

// In whatever case and form they are written.
ON_BOTH_ENGINES(auth_signup, refuses_the_commonest_passwords) {
    for (const char* common : {"password", "12345678", "PassWord", "iloveyou1", "1Q2W3E4R",
                               "\\u212aawasaki"})  // K as the sign of a kelvin
        expect_detail(service.send(signup("ada@example.org", common)), "body.password",
                      "value_error");
    expect_created(service.send(signup("ada@example.org", "passwordpassword and more")));
}
