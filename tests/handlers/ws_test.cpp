#include <ctime>

#include "tests/support/forked_server.hpp"
#include "tests/support/service.hpp"
#include "tests/support/signer.hpp"
#include "tests/support/web_socket.hpp"

namespace {

const std::string path = "/ws";
constexpr const char* user_id = "11111111-2222-4333-8444-555555555555";

// Serves the endpoint on the database of `service`.
ForkedServer serve(Service& service) {
    return ForkedServer{[url = service.config().database_url.text](int listener) {
        Service own{endpoint(), url};
        own.config().max_streams_per_user = 3;
        own.served().serve(listener, own.loop(), own.served(), own.context());
    }};
}

std::string authorization(const Service& service) { return "Authorization: " + service.bearer(); }

void write_event(Service& service, const std::string& audience, const std::string& type) {
    service.database().execute("INSERT INTO events (type, audience, subject, data) VALUES ('" +
                               type + "', '" + audience + "', '/x', '{\"a\":1}')");
}

rapidjson::Document next(WebSocketClient& socket) {
    const auto message = socket.next();
    rapidjson::Document document;
    document.Parse(message.data(), message.size());
    cr_assert(document.IsObject(), "%s", message.c_str());
    return document;
}

// A WebSocket that has received its first message.
WebSocketClient connected(const ForkedServer& server, const std::string& target,
                          const std::vector<std::string>& headers, const char* user = user_id) {
    WebSocketClient socket{server.port(), target, headers};
    cr_assert(socket.head().starts_with("HTTP/1.1 101 "), "%s", socket.head().c_str());
    const auto first = next(socket);
    EXPECT_TEXT(member(first, "type"), "connection");
    EXPECT_TEXT(member(first, "status"), "connected");
    EXPECT_TEXT(member(first, "user"), user);
    cr_expect(Timestamp::parse(member(first, "timestamp")).has_value());
    return socket;
}

std::string next_type(WebSocketClient& socket) {
    const auto message = next(socket);
    EXPECT_TEXT(member(message, "type"), "event");
    return message.HasMember("event") ? member(message["event"], "type") : "<none>";
}

int refusal_of(const ForkedServer& server, const std::string& target,
               const std::vector<std::string>& headers = {}) {
    WebSocketClient socket{server.port(), target, headers};
    cr_expect(socket.head().starts_with("HTTP/1.1 101 "), "%s", socket.head().c_str());
    return socket.close_code();
}

}  // namespace

// --- upgrades

ON_BOTH_ENGINES(ws, opens_to_a_token_a_ticket_and_an_api_key) {
    const auto ticket = service.context().tokens.issue_ticket({user_id, ""});
    const auto server = serve(service);
    auto with_token = connected(server, path, {authorization(service)});
    auto with_ticket = connected(server, path + "?ticket=" + ticket, {});
    auto with_key = connected(server, path, {std::string{"X-API-Key: "} + api_key}, "<null>");
    write_event(service, std::string{"user:"} + user_id, "own");
    write_event(service, "jobs", "job");
    write_event(service, "public", "note");
    for (auto* const own : {&with_token, &with_ticket}) EXPECT_TEXT(next_type(*own), "own");
    EXPECT_TEXT(next_type(with_key), "job");
    for (auto* const socket : {&with_token, &with_ticket, &with_key})
        EXPECT_TEXT(next_type(*socket), "note");
}

ON_BOTH_ENGINES(ws, streams_what_is_kept) {
    write_event(service, "public", "one");
    write_event(service, "user:bob", "secret");
    write_event(service, "public", "two");
    const auto server = serve(service);
    auto socket = connected(server, path + "?after=0", {authorization(service)});
    const auto first = next(socket);
    EXPECT_TEXT(member(first["event"], "type"), "one");
    EXPECT_TEXT(member(first["event"], "audience"), "public");
    EXPECT_TEXT(member(first["event"], "subject"), "/x");
    cr_expect_eq(first["event"]["data"]["a"].GetInt(), 1);
    EXPECT_TEXT(next_type(socket), "two");
    const auto after = path + "?after=" + member(first["event"], "id");
    auto resumed = connected(server, after, {authorization(service)});
    EXPECT_TEXT(next_type(resumed), "two");
}

// An event's data, which fill one line of the stream, become one message.
ON_BOTH_ENGINES(ws, writes_an_event_in_one_message) {
    service.database().execute(
        "INSERT INTO events (type, audience, subject, data) VALUES ('one', 'public', '/x', "
        "'{\"a\":\n\r[]}')");
    const auto server = serve(service);
    auto socket = connected(server, path + "?after=0", {authorization(service)});
    const auto message = socket.next();
    cr_expect(message.find("\"data\":{\"a\":  []}") != message.npos, "%s", message.c_str());
}

ON_BOTH_ENGINES(ws, begins_anew_behind_an_unknown_cursor) {
    write_event(service, "public", "old");
    const auto server = serve(service);
    // On PostgreSQL the cursor may be ahead of the feed for a moment, so wait until it has caught
    // up.
    auto all = connected(server, path + "?after=0", {authorization(service)});
    EXPECT_TEXT(next_type(all), "old");
    for (const char* query : {"?after=x", "?after=999999999-1", "?after="}) {
        auto socket = connected(server, path + query, {authorization(service)});
        EXPECT_TEXT(member(next(socket), "type"), "reset");
        write_event(service, "public", query);
        EXPECT_TEXT(next_type(socket), query);
    }
}

ON_BOTH_ENGINES(ws, filters_by_type_and_subject) {
    service.database().execute(
        "INSERT INTO events (type, audience, subject, data) WITH RECURSIVE n(i) AS (SELECT 1 UNION "
        "ALL SELECT i + 1 FROM n WHERE i < 1001) SELECT 'noise', 'public', '/x', '1' FROM n");
    write_event(service, "public", "wanted");
    service.database().wait_for_feed();
    const auto server = serve(service);
    auto socket =
        connected(server, path + "?after=0&types=wanted&subject=/x", {authorization(service)});
    const auto position = next(socket);
    EXPECT_TEXT(member(position, "type"), "position");
    EXPECT_TEXT(next_type(socket), "wanted");
    auto again =
        connected(server, path + "?after=" + member(position, "id"), {authorization(service)});
    EXPECT_TEXT(next_type(again), "noise");
    EXPECT_TEXT(next_type(again), "wanted");
    cr_expect_neq(refusal_of(server, path + "?types=,", {authorization(service)}), 0);
}

ON_BOTH_ENGINES(ws, closes_with_1008_without_a_proof) {
    const auto ticket = service.context().tokens.issue_ticket({user_id, ""});
    const auto server = serve(service);
    cr_expect_eq(refusal_of(server, path), 1008);
    cr_expect_eq(refusal_of(server, path, {"Authorization: Bearer x"}), 1008);
    cr_expect_eq(refusal_of(server, path, {"X-API-Key: x"}), 1008);
    cr_expect_eq(refusal_of(server, path + "?ticket=x"), 1008);
    cr_expect_eq(refusal_of(server, path + "?ticket=" + ticket + "&ticket=" + ticket), 1008);
    cr_expect_eq(refusal_of(server, path + "?after=0&after=1", {authorization(service)}), 1008);
}

ON_BOTH_ENGINES(ws, closes_with_1008_without_the_account) {
    const auto headers = std::vector{authorization(service)};
    const auto server = serve(service);
    auto socket = connected(server, path, headers);
    service.database().execute("DELETE FROM users");
    cr_expect_eq(refusal_of(server, path, headers), 1008);
}

// The connection stays open as long as the token itself would be accepted.
ON_BOTH_ENGINES(ws, closes_with_1008_when_the_proof_ends) {
    service.database().add_user("ann");
    const auto expires_at = std::time(nullptr) - 24;
    const auto token = hmac_token(R"({"alg":"HS256"})",
                                  R"({"iss":"steelthread","aud":"steelthread","sub":"ann","exp":)" +
                                      std::to_string(expires_at) + "}",
                                  service.config().jwt_secret.reveal());
    const auto server = serve(service);
    auto socket = connected(server, path, {"Authorization: Bearer " + token}, "ann");
    cr_expect_eq(socket.close_code(), 1008);
    // std::time() may be one tick behind.
    const auto now = std::chrono::system_clock::now();
    cr_expect_geq(std::chrono::system_clock::to_time_t(now), expires_at + 30);
}

Test(ws, closes_with_1011_without_a_database) {
    Service service{endpoint(), "postgresql://nobody@127.0.0.1:1/nothing"};
    const auto server = serve(service);
    cr_expect_eq(refusal_of(server, path, {authorization(service)}), 1011);
}

// The text after the code in the close frame.
static std::string close_text(WebSocketClient& socket) {
    while (const auto frame = socket.next_frame())
        if (frame->opcode == WebSocketClient::closing) return frame->data.substr(2);
    return "<nothing>";
}

ON_BOTH_ENGINES(ws, says_why_it_closes) {
    const auto server = serve(service);
    const auto text_of = [&](const std::string& target, const std::vector<std::string>& headers) {
        WebSocketClient socket{server.port(), target, headers};
        return close_text(socket);
    };
    const auto own = authorization(service);
    EXPECT_TEXT(text_of(path, {}), "authentication required");
    EXPECT_TEXT(text_of(path, {"Authorization: Bearer x"}), "the token is invalid or has expired");
    EXPECT_TEXT(text_of(path + "?after=0&after=1", {own}), "the query is invalid");
    EXPECT_TEXT(text_of(path, {own, "Origin: https://evil.example.org"}),
                "the origin is not allowed");
    std::vector<WebSocketClient> open;
    for (int i = 0; i < 3; ++i) open.push_back(connected(server, path, {own}));
    EXPECT_TEXT(text_of(path, {own}), "too many streams");
    write_event(service, std::string{"user:"} + user_id, "account.disabled");
    EXPECT_TEXT(close_text(open.front()), "the user was disabled or deleted");
}

ON_BOTH_ENGINES(ws, closes_with_1013_above_the_limit_of_streams) {
    const auto server = serve(service);
    const std::vector<std::string> headers{authorization(service)};
    std::vector<WebSocketClient> open;
    for (int i = 0; i < 3; ++i) open.push_back(connected(server, path, headers));
    cr_expect_eq(refusal_of(server, path, headers), 1013);
    connected(server, path, {std::string{"X-API-Key: "} + api_key}, "<null>");
    open.pop_back();
    wait_until("the place is free", [&] {
        WebSocketClient socket{server.port(), path, headers};
        const auto message = socket.next();
        return message.find("connected") != message.npos;
    });
}

// --- other requests

ON_BOTH_ENGINES(ws, answers_400_where_no_web_socket_is_asked_for) {
    for (const auto& sent : {Sent{.target = path}, service.with_token("GET", path + "?after=0"),
                             Sent{.target = path, .api_key = api_key}}) {
        const auto response = service.send(sent);
        expect_error(response, Error::bad_request);
        EXPECT_TEXT(response.header("Sec-WebSocket-Version"), "13");
    }
    cr_expect_eq(service.send({.method = "HEAD", .target = path}).status(), 400);
}

ON_BOTH_ENGINES(ws, refuses_what_proves_nothing) {
    expect_error(service.send({.target = path, .authorization = "Bearer x"}), Error::invalid_token);
    expect_error(service.send({.target = path, .authorization = "Basic x"}), Error::auth_required);
    expect_error(service.send({.target = path, .api_key = "x"}), Error::invalid_api_key);
    expect_error(service.send({.target = path + "?ticket=x"}), Error::invalid_token);
    expect_detail(service.send({.target = path + "?ticket=x&ticket=x"}), "query.ticket",
                  "value_error");
}
