#include "tests/support/service.hpp"

namespace {

const std::string path = "/events/ticket";

}  // namespace

ON_BOTH_ENGINES(events_ticket, stands_for_the_bearer_of_a_token) {
    const auto response = service.send(service.with_token("POST", path));
    cr_assert_eq(response.status(), 200, "%s", std::string{response.body()}.c_str());
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-store");
    const auto body = json_of(response);
    cr_expect_eq(body["expires_in"].GetInt64(), 60);
    const auto bearer = service.context().tokens.verify_ticket(member(body, "ticket"));
    EXPECT_TEXT(bearer.user_id, "11111111-2222-4333-8444-555555555555");
    EXPECT_TEXT(bearer.api_key, "");
    cr_expect_gt(bearer.expires_at, 0);
    cr_expect(bearer.needs_account);
}

ON_BOTH_ENGINES(events_ticket, refuses_the_token_of_an_account_that_is_gone) {
    const auto sent = service.with_token("POST", path);
    cr_assert_eq(service.send(sent).status(), 200);
    service.database().execute("DELETE FROM users");
    expect_error(service.send(sent), Error::invalid_token);
}

// A ticket does not add the row either.
ON_BOTH_ENGINES(events_ticket, needs_no_row_of_a_user_of_another_issuer) {
    const auto response = service.send(
        {.method = "POST", .target = path, .authorization = service.foreign_bearer("ann")});
    cr_assert_eq(response.status(), 200, "%s", std::string{response.body()}.c_str());
    const auto bearer = service.context().tokens.verify_ticket(member(json_of(response), "ticket"));
    EXPECT_TEXT(bearer.user_id, "ann");
    cr_expect_not(bearer.needs_account);
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM users"), "0");
}

ON_BOTH_ENGINES(events_ticket, stands_for_the_bearer_of_an_api_key) {
    const auto response = service.send({.method = "POST", .target = path, .api_key = api_key});
    cr_assert_eq(response.status(), 200);
    const auto bearer = service.context().tokens.verify_ticket(member(json_of(response), "ticket"));
    EXPECT_TEXT(bearer.user_id, "");
    cr_expect_neq(bearer.api_key, "");
    cr_expect_eq(bearer.api_key.find(api_key), bearer.api_key.npos);
    cr_expect_eq(bearer.expires_at, 0);
}

ON_BOTH_ENGINES(events_ticket, needs_a_proof) {
    expect_error(service.send({.method = "POST", .target = path}), Error::auth_required);
    expect_error(
        service.send({.method = "POST", .target = path, .authorization = "Bearer nonsense"}),
        Error::invalid_token);
    expect_error(service.send({.method = "POST", .target = path, .api_key = "wrong"}),
                 Error::invalid_api_key);
}

ON_BOTH_ENGINES(events_ticket, is_no_token_and_no_ticket_for_another_ticket) {
    const auto ticket = member(json_of(service.send(service.with_token("POST", path))), "ticket");
    expect_error(
        service.send({.method = "POST", .target = path, .authorization = "Bearer " + ticket}),
        Error::invalid_token);
    expect_error(service.send({.method = "POST", .target = path + "?ticket=" + ticket}),
                 Error::auth_required);
}

ON_BOTH_ENGINES(events_ticket, limits_tickets_of_a_user_and_of_an_api_key) {
    expect_limits_writes(service, service.with_token("POST", path));
    Sent with_key{.method = "POST", .target = path, .api_key = api_key};
    auto with_another = with_key;
    with_another.api_key = other_api_key;
    expect_limits_writes(service, with_key, with_another);
}
