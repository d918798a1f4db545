#include "tests/support/once.hpp"

#include <chrono>

#include "tests/support/literals.hpp"
#include "tests/support/personal.hpp"

void expect_same(const Response& response, const Response& first) {
    cr_expect_eq(response.status(), first.status());
    EXPECT_TEXT(std::string{response.body()}, std::string{first.body()});
    EXPECT_TEXT(std::string{response.etag()}, std::string{first.etag()});
    EXPECT_TEXT(std::string{response.header("Location")}, std::string{first.header("Location")});
}

void expire_keys(Service& service) {
    const std::chrono::microseconds day = std::chrono::hours{24};
    service.database().execute("UPDATE request_keys SET created_at = " +
                               literal(service, {Timestamp::now().microseconds - day.count()}));
}

namespace {

void expect_repeatable(Service& service, const Sent& sent, const Response& first) {
    expect_same(service.send(sent), first);
    auto written_differently = sent;
    written_differently.body.insert(1, " \n ");
    expect_same(service.send(written_differently), first);
}

void expect_refuses_another_body(Service& service, Sent sent, const std::string& other_body) {
    sent.body = other_body;
    expect_detail(service.send(sent), "header.Idempotency-Key", "value_error");
}

}  // namespace

void expect_created_once(Service& service, Sent sent, const std::string& other_body,
                         const std::string& table, const std::string& change,
                         const std::string& removal) {
    const auto expect_count = [&](const std::string& of, std::int64_t wanted) {
        const auto found = count(service, of);
        cr_expect_eq(found, wanted, "%s: %ld instead of %ld", of.c_str(), found, wanted);
    };
    sent.idempotency_key = "first";
    const auto first = service.send(sent);
    cr_assert_lt(first.status(), 300, "%s", shown(first.body()).c_str());
    const auto events = count(service, "events");
    expect_repeatable(service, sent, first);
    if (!other_body.empty()) expect_refuses_another_body(service, sent, other_body);
    expect_count(table, 1);
    expect_count("events", events);
    service.database().execute(change);
    expect_same(service.send(sent), first);
    service.database().execute(removal);
    expect_same(service.send(sent), first);
    expect_count(table, 0);

    // A refused request leaves its key unused.
    auto refused = sent;
    refused.idempotency_key = "second";
    refused.body = R"({"unknown":1})";
    expect_error(service.send(refused), Error::validation_error);
    for (const auto& response :
         {std::string(256, 'k'), std::string{"a b"}, std::string{"\xc3\xa9"}}) {
        refused.idempotency_key = response;
        refused.body = sent.body;
        expect_detail(service.send(refused), "header.Idempotency-Key", "value_error");
    }
    expect_count("request_keys", 1);

    // Other keys, other users, and no key at all.
    sent.idempotency_key = "second";
    const auto second = service.send(sent);
    cr_expect(second.status() == first.status() && second.body() != first.body());
    sent.idempotency_key = std::string(255, '~');
    cr_expect_eq(service.send(sent).status(), first.status());
    auto without_key = sent;
    without_key.idempotency_key.clear();
    for (int i = 0; i < 2; ++i) cr_expect_eq(service.send(without_key).status(), first.status());
    expect_count(table, 4);
    expect_count("request_keys", 3);

    sent.idempotency_key = "many";
    const auto responses = service.send_all(std::vector<Sent>(20, sent));
    for (const auto& response : responses) expect_same(response, responses.front());
    cr_expect_eq(responses.front().status(), first.status());
    expect_count(table, 5);

    // All at once after the key has expired.
    expire_keys(service);
    const auto later = service.send_all(std::vector<Sent>(5, sent));
    for (const auto& response : later) expect_same(response, later.front());
    cr_expect(later.front().status() == first.status() &&
              later.front().body() != responses.front().body());
    expect_count(table, 6);
    // One request in 256 forgets the keys that have expired, so the others may be gone.
    expect_count("request_keys WHERE key = 'many'", 1);
}
