#include <map>

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

// Only failures count, from all networks together. What is unknown is refused in the same way.
ON_BOTH_ENGINES(auth_signin, counts_the_failures_of_each_email) {
    service.config().login_rate_limit = {3, std::chrono::days{1}};
    add_account(service, ada);
    for (const char* email : {ada, "nobody@example.org"}) {
        for (int i = 1; i <= 5 && email == ada; ++i)
            cr_expect_eq(service.send(signin(ada, password, "2001:db8:" + std::to_string(i) + "::"))
                             .status(),
                         200);
        for (const char* address : {"192.0.2.1", "192.0.2.2", ""})
            expect_error(service.send(signin(email, "wrong horse", address)),
                         Error::invalid_credentials);
        hashes = 0;
        const auto refused =
            service.send(signin(" " + std::string{email}, "correct horse", "192.0.2.3"));
        expect_error(refused, Error::rate_limited);
        EXPECT_TEXT(std::string{refused.header("Retry-After")}, "28800");
        cr_expect_eq(hashes.load(), 0);
        // The headers report the network's limit alone.
        const auto* const remaining = email == ada ? "2" : "1";
        EXPECT_TEXT(std::string{refused.header("X-RateLimit-Remaining")}, remaining);
        expect_error(service.send(signin(email)), Error::rate_limited);
    }
    expect_error(service.send(signin("bob@example.org")), Error::invalid_credentials);
}

// Ten times as many failures are allowed in a day.
ON_BOTH_ENGINES(auth_signin, counts_the_failures_of_a_day) {
    service.config().login_rate_limit = {1, std::chrono::seconds{1}};
    for (int i = 0; i < 10; ++i)
        wait_until("the next failure is allowed", [&] {
            const auto response = service.send(signin(ada, "wrong horse"));
            return response.status() == 401;
        });
    wait_until("the short limit has passed", [&] {
        const auto refused = service.send(signin(ada));
        expect_error(refused, Error::rate_limited);
        return refused.header("Retry-After").size() == 4;  // 8,640 s
    });
}

ON_BOTH_ENGINES(auth_signin, concurrent_guesses_cannot_exceed_the_limit) {
    service.config().login_rate_limit = {10, std::chrono::days{1}};
    add_account(service, ada);
    std::vector<Sent> guesses;
    for (int i = 0; i < 40; ++i)
        guesses.push_back(signin(ada, "wrong horse", "192.0.2." + std::to_string(i)));
    std::map<int, int> statuses;
    for (const auto& response : service.send_all(guesses)) ++statuses[response.status()];
    cr_expect_eq(statuses[401], 10);
    cr_expect_eq(statuses[429], 30);
    cr_expect_eq(hashes.load(), 10);
}

// Strangers cannot keep the owner from logging in where she has logged in before.
ON_BOTH_ENGINES(auth_signin, a_known_network_has_a_count_of_its_own) {
    service.config().login_rate_limit = {3, std::chrono::days{1}};
    add_account(service, ada);
    cr_expect_eq(service.send(signin(ada, password, "192.0.2.1")).status(), 200);
    EXPECT_TEXT(service.database().execute("SELECT network FROM login_networks"), "c0000201");
    for (int i = 2; i < 5; ++i)
        expect_error(service.send(signin(ada, "wrong horse", "192.0.2." + std::to_string(i))),
                     Error::invalid_credentials);
    expect_error(service.send(signin(ada, password, "192.0.2.9")), Error::rate_limited);
    cr_expect_eq(service.send(signin(ada, password, "192.0.2.1")).status(), 200);
    // A network is forgotten after 90 days.
    const auto age = [&](int days) {
        const auto count = std::to_string(days);
        service.database().execute("UPDATE login_networks SET last_at = last_at - " +
                                   (service.config().sqlite_path()
                                        ? count + " * 86400000000"
                                        : "interval '" + count + " days'"));
    };
    age(91);
    expect_error(service.send(signin(ada, password, "192.0.2.1")), Error::rate_limited);
}

ON_BOTH_ENGINES(auth_signin, notes_the_last_50_networks_of_90_days) {
    add_account(service, ada);
    const auto& database = service.database();
    const auto day = service.config().sqlite_path() ? "86400000000" : "interval '1 day'";
    const auto query = [&](const std::string& what) {
        return database.execute("SELECT " + what + " FROM login_networks");
    };
    const auto enter = [&](int number) {
        const auto address = "192.0.2." + std::to_string(number);
        cr_expect_eq(service.send(signin(ada, password, address)).status(), 200);
    };
    expect_error(service.send(signin(ada, "wrong horse", "192.0.2.1")), Error::invalid_credentials);
    cr_expect_eq(service.send(signin(ada)).status(), 200);
    EXPECT_TEXT(query("count(*)"), "0");
    enter(1);
    const auto first = query("max(last_at)");
    enter(1);
    EXPECT_TEXT(query("max(last_at)"), first);
    // It is written again once a day.
    database.execute(std::string{"UPDATE login_networks SET last_at = last_at - "} + day);
    enter(1);
    cr_expect(query("max(last_at)") > first);
    database.execute(std::string{"UPDATE login_networks SET last_at = last_at - 91 * "} + day);
    enter(2);
    EXPECT_TEXT(query("max(network) || count(*)"), "c00002021");
    for (int i = 3; i < 60; ++i) enter(i);
    EXPECT_TEXT(query("min(network) || count(*)"), "c000020a50");
}

// It costs a hash and counts as a failure, as a wrong password does.
ON_BOTH_ENGINES(auth_signin, refuses_a_disabled_account) {
    service.config().login_rate_limit = {2, std::chrono::days{1}};
    add_account(service, ada);
    service.database().execute("UPDATE users SET disabled_at = created_at");
    hashes = 0;
    for (int i = 0; i < 2; ++i) expect_error(service.send(signin(ada)), Error::invalid_credentials);
    cr_expect_eq(hashes.load(), 2);
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM login_networks"), "0");
    expect_error(service.send(signin(ada)), Error::rate_limited);
}

ON_BOTH_ENGINES(auth_signin, limits_nothing_where_that_is_off) {
    service.config().login_rate_limit = std::nullopt;
    for (int i = 0; i < 15; ++i) {
        const auto response = service.send(signin(ada, password, "192.0.2.1"));
        expect_error(response, Error::invalid_credentials);
        EXPECT_TEXT(std::string{response.header("RateLimit")}, "");
    }
}

// Refusals are in the log, without the address and the password.
Test(auth_signin, logs_refusals) {
    Service service{endpoint(), Engine::sqlite};
    add_account(service, ada);
    const auto log = written_by([&] { service.send(signin(ada, "wrong horse")); });
    const auto line = json::parse(log);
    EXPECT_TEXT(member(line, "level"), "info");
    EXPECT_TEXT(member(line, "message"), "login refused");
    // printf ada@example.org | sha256sum | cut -c -16
    EXPECT_TEXT(member(line, "reason"), "wrong password (e-mail cfe00dde46ef9426)");
    cr_expect_eq(log.find("horse"), log.npos);
    cr_expect_eq(log.find(ada), log.npos);
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

// A /48 has ten times as many attempts as a /64. Those that a /64 refuses do not count for it.
ON_BOTH_ENGINES(auth_signin, an_ipv6_site_has_a_limit_of_its_own) {
    service.config().login_rate_limit = {1, std::chrono::days{1}};
    const auto attempt = [&](const std::string& site, int network) {
        return service.send(signin(someone(network), password,
                                   "2001:db8:" + site + ":" + std::to_string(network) + "::1"));
    };
    for (int i = 0; i < 10; ++i) {
        const auto response = attempt("a", i);
        expect_error(response, Error::invalid_credentials);
        EXPECT_TEXT(std::string{response.header("RateLimit-Policy")}, R"("default";q=1;w=86400)");
        expect_error(attempt("a", i), Error::rate_limited);
    }
    const auto refused = attempt("a", 10);
    expect_error(refused, Error::rate_limited);
    EXPECT_TEXT(std::string{refused.header("RateLimit-Policy")}, R"("default";q=10;w=86400)");
    EXPECT_TEXT(std::string{refused.header("Retry-After")}, "8640");
    expect_error(attempt("b", 11), Error::invalid_credentials);
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
    const auto failed = service.send(signin(ada, password, "192.0.2.1"));
    expect_error(failed, Error::service_unavailable);
    EXPECT_TEXT(std::string{failed.header("X-RateLimit-Remaining")}, "0");
    EXPECT_TEXT(std::string{failed.header("Retry-After")}, "1");
    expect_error(service.send(signin(ada, password, "192.0.2.1")), Error::rate_limited);
}
