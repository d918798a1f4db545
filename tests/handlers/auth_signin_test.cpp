#include "tests/support/crypt.hpp"
#include "tests/support/service.hpp"

namespace {

constexpr const char* password = "correct horse";
constexpr const char* ada = "ada@example.org";

std::string add_account(Service& service, const std::string& email) {
    const auto id = Uuid::random().text();
    service.database().execute("INSERT INTO users (id, email, password_hash) VALUES ('" + id +
                               "', '" + email + "', '" + hash_password(password, 4) + "')");
    hashes = 0;
    return id;
}

Sent signin(const std::string& email, const std::string& tried = password,
            const std::string& address = "") {
    return {.method = "POST",
            .target = "/api/auth/signin",
            .body = R"({"email":")" + email + R"(","password":")" + tried + R"("})",
            .content_type = "application/json",
            .remote_address = address};
}

std::string someone(int number) { return "someone" + std::to_string(number) + "@example.org"; }

}  // namespace

ON_BOTH_ENGINES(auth_signin, gives_a_token_and_the_account) {
    const auto id = add_account(service, ada);
    const auto response = service.send(signin(" Ada@example.org "));
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-store");
    const auto data = json::parse(data_of(response, "Signed in"));
    cr_assert_eq(data.MemberCount(), 4u);
    EXPECT_TEXT(member(data, "token_type"), "bearer");
    cr_expect_eq(data["expires_in"].GetInt64(), 3600);
    cr_assert_eq(data["user"].MemberCount(), 4u);
    cr_expect(data["user"]["name"].IsNull());
    EXPECT_TEXT(member(data["user"], "id"), id);
    EXPECT_TEXT(member(data["user"], "email"), ada);
    cr_expect_eq(member(data["user"], "created_at").size(), 27u);
    const auto identity = service.context().tokens.verify(member(data, "token"));
    EXPECT_TEXT(identity.user_id, id);
    EXPECT_TEXT(identity.email, ada);
}

// Keyboards and systems write the same characters in several ways (RFC 8265, section 4.2.2). An
// account from before that rule may have the hash of another form.
ON_BOTH_ENGINES(auth_signin, compares_composed_passwords) {
    const std::string composed = "p\xc3\xa4ssw\xc3\xb6rd", decomposed = "pa\xcc\x88sswo\xcc\x88rd";
    for (const auto& hashed : {composed, decomposed}) {
        service.database().execute("DELETE FROM users");
        service.database().execute(
            "INSERT INTO users (id, email, name, password_hash) VALUES ('a', '" + std::string{ada} +
            "', 'Ada', '" + hash_password(hashed, 4) + "')");
        const auto response = service.send(signin(ada, decomposed));
        cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
        EXPECT_TEXT(member(json_of(response)["data"]["user"], "name"), "Ada");
        cr_expect_eq(service.send(signin(ada, composed)).status(), hashed == composed ? 200 : 401);
    }
}

// Each refusal costs the same work: one comparison of a hash.
ON_BOTH_ENGINES(auth_signin, refuses_whatever_is_wrong_alike) {
    add_account(service, ada);
    service.database().execute("INSERT INTO users (id, email) VALUES ('x', 'eve@example.org')");
    int count = 0;
    for (const auto& sent :
         {signin(ada, "wrong horse"), signin("bob@example.org"), signin("eve@example.org"),
          signin(ada, std::string(73, 'x')), signin("no address"), signin("' OR 1=1 --")}) {
        const auto response = service.send(sent);
        expect_error(response, Error::invalid_credentials);
        EXPECT_TEXT(std::string{response.header("WWW-Authenticate")}, "Bearer");
        cr_expect_eq(hashes.load(), ++count);
    }
}

ON_BOTH_ENGINES(auth_signin, refuses_a_body_that_is_no_good) {
    expect_detail(service.send(signin("")), "body.email", "string_too_short");
    auto sent = signin(ada);
    sent.content_type = "text/plain";
    expect_error(service.send(sent), Error::unsupported_media_type);
    expect_error(service.send(signin(ada, std::string(65'537, 'x'))), Error::payload_too_large);
}

ON_BOTH_ENGINES(auth_signin, counts_attempts_for_each_email_whatever_becomes_of_them) {
    service.config().login_rate_limit = {3, std::chrono::days{1}};
    add_account(service, ada);
    cr_expect_eq(service.send(signin(ada)).status(), 200);
    expect_error(service.send(signin(ada, "wrong horse")), Error::invalid_credentials);
    const auto last = service.send(signin(" ADA@example.org"));
    cr_expect_eq(last.status(), 200);
    EXPECT_TEXT(std::string{last.header("RateLimit")}, R"("default";r=0;t=86400)");
    hashes = 0;
    const auto refused = service.send(signin(ada));
    expect_error(refused, Error::rate_limited);
    EXPECT_TEXT(std::string{refused.header("Retry-After")}, "28800");
    EXPECT_TEXT(std::string{refused.header("RateLimit-Policy")}, R"("default";q=3;w=86400)");
    EXPECT_TEXT(std::string{refused.header("RateLimit")}, R"("default";r=0;t=86400)");
    EXPECT_TEXT(std::string{refused.header("X-RateLimit-Limit")}, "3");
    EXPECT_TEXT(std::string{refused.header("X-RateLimit-Remaining")}, "0");
    EXPECT_TEXT(std::string{refused.header("X-RateLimit-Reset")}, "86400");
    cr_expect_eq(hashes.load(), 0);
    expect_error(service.send(signin("bob@example.org")), Error::invalid_credentials);
}

// A body that fails validation does not count as an attempt.
ON_BOTH_ENGINES(auth_signin, counts_no_body_that_is_refused) {
    service.config().login_rate_limit = {1, std::chrono::days{1}};
    for (int i = 0; i < 5; ++i) {
        const auto response = service.send(signin("", password, "192.0.2.1"));
        expect_error(response, Error::validation_error);
        EXPECT_TEXT(std::string{response.header("RateLimit")}, "");
    }
    expect_error(service.send(signin(ada, password, "192.0.2.1")), Error::invalid_credentials);
}

ON_BOTH_ENGINES(auth_signin, counts_attempts_from_each_address) {
    service.config().login_rate_limit = {3, std::chrono::days{1}};
    for (int i = 0; i < 3; ++i)
        expect_error(service.send(signin(someone(i), password, "192.0.2.1")),
                     Error::invalid_credentials);
    hashes = 0;
    const auto refused = service.send(signin(someone(3), password, "192.0.2.1"));
    expect_error(refused, Error::rate_limited);
    EXPECT_TEXT(std::string{refused.header("Retry-After")}, "28800");
    cr_expect_eq(hashes.load(), 0);
    // The refused request did not count against its e-mail address.
    const auto other = service.send(signin(someone(3), password, "192.0.2.2"));
    expect_error(other, Error::invalid_credentials);
    EXPECT_TEXT(std::string{other.header("X-RateLimit-Remaining")}, "2");
    // The headers report the limit that is closest to being used up.
    const auto second = service.send(signin(someone(4), password, "192.0.2.2"));
    EXPECT_TEXT(std::string{second.header("X-RateLimit-Remaining")}, "1");
}

ON_BOTH_ENGINES(auth_signin, an_ipv6_network_is_one_address) {
    service.config().login_rate_limit = {2, std::chrono::days{1}};
    int count = 0;
    for (const char* address : {"2001:db8::1", "2001:db8::ffff:2"})
        expect_error(service.send(signin(someone(++count), password, address)),
                     Error::invalid_credentials);
    expect_error(service.send(signin(someone(++count), password, "2001:db8::3")),
                 Error::rate_limited);
    expect_error(service.send(signin(someone(++count), password, "2001:db8:0:1::1")),
                 Error::invalid_credentials);
}

// A plain CGI request has no address of a client.
ON_BOTH_ENGINES(auth_signin, limits_no_address_that_is_not_known) {
    service.config().login_rate_limit = {1, std::chrono::days{1}};
    for (int i = 0; i < 5; ++i)
        expect_error(service.send(signin(someone(i))), Error::invalid_credentials);
}

ON_BOTH_ENGINES(auth_signin, an_email_is_no_address) {
    service.config().login_rate_limit = {1, std::chrono::days{1}};
    expect_error(service.send(signin(someone(1), password, "192.0.2.1")),
                 Error::invalid_credentials);
    for (const char* email : {"address:c0000201", "192.0.2.1", "c0000201"})
        expect_error(service.send(signin(email)), Error::invalid_credentials);
}

Test(auth_signin, limits_before_it_asks_the_database) {
    Service service{endpoint(), "postgresql://127.0.0.1:1/nothing?connect_timeout=1"};
    service.config().login_rate_limit = {1, std::chrono::days{1}};
    const auto failed = service.send(signin(ada));
    expect_error(failed, Error::service_unavailable);
    EXPECT_TEXT(std::string{failed.header("X-RateLimit-Remaining")}, "0");
    EXPECT_TEXT(std::string{failed.header("Retry-After")}, "1");
    expect_error(service.send(signin(ada)), Error::rate_limited);
}
