#include "tests/support/json_text.hpp"
#include "tests/support/personal.hpp"

namespace {

const std::string path = my_conversations + "/1";

Response get(Service& service, const std::string& target = path) {
    return service.send(service.with_token("GET", target));
}

Response remove(Service& service, const std::string& target = path) {
    return service.send(service.with_token("DELETE", target));
}

Response rename(Service& service, const std::string& body, const std::string& target = path) {
    return service.send(service.with_token("PATCH", target, body));
}

// A conversation with this many messages.
std::int64_t add_long_conversation(Service& service, int length) {
    const auto id = add_conversation(service);
    service.database().execute(
        "WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < " +
        std::to_string(length) +
        ") INSERT INTO messages (conversation_id, user_id, role, content, created_at) SELECT id, "
        "user_id, 'user', 'c', created_at FROM conversations, numbers WHERE id = " +
        std::to_string(id));
    return id;
}

}  // namespace

// --- GET

ON_BOTH_ENGINES(conversation, is_shown_to_its_owner) {
    add_conversation(service, me, a_moment, a_moment + 1);
    const auto response = get(service);
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    EXPECT_TEXT(data_of(response),
                json_text(R"({"created_at":"2026-01-08T12:34:56.123456Z","id":1,"title":null,)"
                          R"("updated_at":"2026-01-08T12:34:56.123457Z","user_id":$})",
                          me));
    cr_expect_eq(response.etag().size(), 66u);
    auto sent = service.with_token("HEAD", path);
    EXPECT_TEXT(service.send(sent).etag(), response.etag());
    sent.if_none_match = response.etag();
    cr_expect_eq(service.send(sent).status(), 304);
}

// --- PATCH

ON_BOTH_ENGINES(conversation, is_renamed) {
    add_conversation(service);
    std::string longest;
    for (int i = 0; i < 200; ++i) longest += "\xf0\x9f\x98\x80";
    auto before = member(json_of(get(service))["data"], "updated_at");
    static constexpr auto null = "<null>";
    for (const auto& [sent, title] : {std::pair{std::string{R"("  Plans ")"}, std::string{"Plans"}},
                                      {R"("Plans")", "Plans"},
                                      {R"("\"q\" \\ \u2028\u0001")", "\"q\" \\ \xe2\x80\xa8\x01"},
                                      {"\"" + longest + "\"", longest},
                                      {"null", null},
                                      {"null", null}}) {
        const auto response = rename(service, R"({"title":)" + sent + "}");
        cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
        const auto body = json_of(response);
        EXPECT_TEXT(member(body["data"], "title"), title);
        EXPECT_TEXT(member(body["data"], "created_at"), "2026-01-08T12:34:56.123456Z");
        const auto updated_at = member(body["data"], "updated_at");
        cr_expect_gt(updated_at, std::exchange(before, updated_at));
        EXPECT_TEXT(response.etag(), get(service).etag());
        EXPECT_TEXT(last_event(service), "conversation.updated user:" + me + " /conversations/1 " +
                                             data_of(response, "Conversation updated"));
    }
}

ON_BOTH_ENGINES(conversation, keeps_its_title_if_the_body_is_invalid) {
    add_conversation(service);
    rename(service, R"({"title":"Plans"})");
    const auto too_long = R"({"title":")" + std::string(201, 'x') + R"("})";
    const struct {
        const char* body;
        const char* location;
        const char* type;
    } cases[] = {
        {"{}", "body", "value_error"},
        {R"({"title":""})", "body.title", "string_too_short"},
        {R"({"title":" \u3000"})", "body.title", "string_too_short"},
        {too_long.c_str(), "body.title", "string_too_long"},
        {R"({"title":1})", "body.title", "string_type"},
        {R"({"title":"x","user_id":"other"})", "body.user_id", "extra_forbidden"},
        {"[]", "body", "model_attributes_type"},
        {"", "body", "missing"},
    };
    const std::string etag{get(service).etag()};
    for (const auto& [body, location, type] : cases)
        expect_detail(rename(service, body), location, type);
    auto sent = service.with_token("PATCH", path, R"({"title":"x"})");
    sent.content_type = "text/plain";
    expect_error(service.send(sent), Error::unsupported_media_type);
    sent.body = std::string(65'537, ' ');
    expect_error(service.send(sent), Error::payload_too_large);
    EXPECT_TEXT(get(service).etag(), etag);
}

ON_BOTH_ENGINES(conversation, is_renamed_in_the_state_that_is_asked_for) {
    add_conversation(service);
    auto sent = service.with_token("PATCH", path, R"({"title":"\"quoted\" \u2028"})");
    for (const char* if_match : {"\"0\"", "x"}) {
        sent.if_match = if_match;
        expect_error(service.send(sent), Error::precondition_failed);
    }
    sent.if_match = "W/" + std::string{get(service).etag()};
    expect_error(service.send(sent), Error::weak_etag);
    sent.if_match.clear();
    for (const auto& if_none_match : {std::string{"*"}, std::string{get(service).etag()}}) {
        sent.if_none_match = if_none_match;
        expect_error(service.send(sent), Error::precondition_failed);
    }
    cr_assert_eq(count(service, "conversations WHERE title IS NULL"), 1);
    sent.if_none_match.clear();
    // The tag of each state allows one change, whatever the title.
    for (int round = 0; round < 3; ++round) {
        sent.if_match = get(service).etag();
        cr_expect_eq(service.send(sent).status(), 200);
        expect_error(service.send(sent), Error::precondition_failed);
    }
    sent.target = my_conversations + "/2";
    expect_error(service.send(sent), Error::not_found);
}

ON_BOTH_ENGINES(conversation, of_two_racing_renames_with_one_etag_one_wins) {
    add_conversation(service);
    for (int round = 0; round < 10; ++round) {
        auto one = service.with_token("PATCH", path, R"({"title":"one"})");
        one.if_match = get(service).etag();
        auto two = one;
        two.body = R"({"title":"two"})";
        const auto responses = service.send_all({one, two});
        cr_assert_eq(responses[0].status() + responses[1].status(), 200 + 412);
        const auto& won = responses[responses[0].status() == 200 ? 0 : 1];
        EXPECT_TEXT(get(service).etag(), won.etag());
    }
}

// A clock that was set back must not make a change look older than the one before it.
ON_BOTH_ENGINES(conversation, updated_at_never_goes_back) {
    add_conversation(service, me, a_moment, 1'893'456'000'000'000);
    EXPECT_TEXT(member(json_of(rename(service, R"({"title":"x"})"))["data"], "updated_at"),
                "2030-01-01T00:00:00.000000Z");
}

// --- DELETE

ON_BOTH_ENGINES(conversation, is_deleted_with_its_messages) {
    const auto kept = add_conversation(service);
    const auto deleted = add_conversation(service);
    add_message(service, kept, "stays");
    for (const char* content : {"first", "second"}) add_message(service, deleted, content);
    const auto response = remove(service, my_conversations + "/" + std::to_string(deleted));
    cr_assert_eq(response.status(), 204, "%s", shown(response.body()).c_str());
    EXPECT_TEXT(response.body(), "");
    cr_expect_eq(count(service, "messages"), 1);
    cr_expect_eq(count(service, "conversations"), 1);
    cr_expect_eq(count(service, "messages WHERE content = 'stays'"), 1);
}

// Its messages have no events of their own.
ON_BOTH_ENGINES(conversation, tells_its_owner_that_it_is_deleted) {
    add_conversation(service, me, a_moment, a_moment + 1);
    for (const char* content : {"first", "second"}) add_message(service, 1, content);
    const auto data = data_of(get(service));
    const auto events = count(service, "events");
    remove(service);
    cr_expect_eq(count(service, "events"), events + 1);
    EXPECT_TEXT(last_event(service),
                "conversation.deleted user:" + me + " /conversations/1 " + data);
}

// One transaction deletes up to 1,000 messages.
ON_BOTH_ENGINES(conversation, is_deleted_however_long_it_is) {
    for (const int length : {1000, 1001, 2500}) {
        const auto kept = add_long_conversation(service, 1001);
        const auto deleted = add_long_conversation(service, length);
        const auto target = my_conversations + "/" + std::to_string(deleted);
        auto sent = service.with_token("DELETE", target);
        for (const char* if_match : {"\"0\"", "x"}) {
            sent.if_match = if_match;
            expect_error(service.send(sent), Error::precondition_failed);
        }
        cr_assert_eq(count(service, "messages"), 1001 + length);
        sent.if_match = get(service, target).etag();
        const auto events = count(service, "events");
        cr_expect_eq(service.send(sent).status(), 204, "%d messages", length);
        cr_expect_eq(count(service, "messages"), 1001);
        cr_expect_eq(count(service, "events"), events + 1);
        expect_error(service.send(sent), Error::not_found);
        cr_expect_eq(remove(service, my_conversations + "/" + std::to_string(kept)).status(), 204);
    }
}

// For a while the last message cannot be deleted.
static void stop_halfway(Engine engine, const char* refuse, const char* allow) {
    Service service{endpoint(), engine};
    add_long_conversation(service, 2500);
    const std::string etag{get(service).etag()};
    service.database().execute(refuse);
    auto sent = service.with_token("DELETE", path);
    sent.if_match = etag;
    expect_error(service.send(sent), Error::internal_error);
    cr_expect_eq(count(service, "messages"), 500);
    cr_expect_eq(count(service, "events WHERE type = 'conversation.deleted'"), 0);
    EXPECT_TEXT(get(service).etag(), etag);
    service.database().execute(allow);
    cr_expect_eq(service.send(sent).status(), 204);
    cr_expect_eq(count(service, "messages"), 0);
    cr_expect_eq(count(service, "events WHERE type = 'conversation.deleted'"), 1);
}

Test(conversation, can_be_deleted_after_a_failure_halfway_on_postgres) {
    stop_halfway(Engine::postgres,
                 "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                 "'BEGIN RAISE ''refused''; END'; CREATE TRIGGER refuse BEFORE DELETE ON messages "
                 "FOR EACH ROW WHEN (OLD.id = 2500) EXECUTE FUNCTION refuse()",
                 "DROP TRIGGER refuse ON messages");
}

Test(conversation, can_be_deleted_after_a_failure_halfway_on_sqlite) {
    stop_halfway(Engine::sqlite,
                 "CREATE TRIGGER refuse BEFORE DELETE ON messages WHEN OLD.id = 2500 BEGIN "
                 "SELECT raise(ABORT, 'refused'); END",
                 "DROP TRIGGER refuse");
}

ON_BOTH_ENGINES(conversation, is_deleted_in_the_state_that_is_asked_for) {
    add_conversation(service, me, a_moment, a_moment + 1);
    add_message(service, 1, "first");
    const std::string stale{get(service).etag()};
    service.database().execute("UPDATE conversations SET updated_at = created_at");
    const std::string etag{get(service).etag()};
    cr_assert_neq(etag, stale);
    auto sent = service.with_token("DELETE", path);
    for (const auto& if_match : {std::string{"\"0\""}, stale, std::string{"x"}}) {
        sent.if_match = if_match;
        expect_error(service.send(sent), Error::precondition_failed);
    }
    sent.if_match = "W/" + etag;
    expect_error(service.send(sent), Error::weak_etag);
    for (const auto& if_none_match : {std::string{"*"}, etag, "W/" + etag, std::string{"x"}}) {
        for (const auto& if_match : {std::string{}, std::string{"*"}, etag}) {
            sent.if_match = if_match;
            sent.if_none_match = if_none_match;
            expect_error(service.send(sent), Error::precondition_failed);
        }
        // The conditions are not checked if the conversation does not exist.
        auto elsewhere = sent;
        elsewhere.target = my_conversations + "/2";
        expect_error(service.send(elsewhere), Error::not_found);
    }
    cr_assert_eq(count(service, "messages"), 1);
    sent.if_match = stale + ", " + etag;
    sent.if_none_match = stale;
    cr_expect_eq(service.send(sent).status(), 204);
    cr_assert_eq(count(service, "conversations"), 0);
}

ON_BOTH_ENGINES(conversation, is_deleted_for_any_state_or_all_but_one) {
    for (const char* if_match : {"", "*"})
        for (const char* if_none_match : {"", "\"x\""}) {
            const auto id = add_conversation(service);
            auto sent = service.with_token("DELETE", my_conversations + "/" + std::to_string(id));
            sent.if_match = if_match;
            sent.if_none_match = if_none_match;
            cr_expect_eq(service.send(sent).status(), 204, "%s %s", if_match, if_none_match);
        }
}

// C++ computes the tag for a response and SQL for a write. They must agree on every user id.
ON_BOTH_ENGINES(conversation, computes_one_etag_for_every_user_id) {
    for (const std::string user :
         {R"("quoted" 'single' \back\slash)", "x\xe2\x80\xa8line\xe2\x80\xa9paragraph x",
          "\xf0\x9f\x98\x80", "e\xcc\x81 \xc3\xa9", "<script>&amp;<script> \\u0041 %00"}) {
        const auto id = add_conversation(service, user);
        auto sent = service.with_token(
            "GET", "/api/v1/" + percent_encode(user) + "/conversations/" + std::to_string(id));
        sent.authorization = service.bearer(user);
        sent.if_match = service.send(sent).etag();
        cr_assert_eq(sent.if_match.size(), 66u);
        sent.method = "DELETE";
        cr_expect_eq(service.send(sent).status(), 204, "%s", shown(user).c_str());
    }
}

ON_BOTH_ENGINES(conversation, is_not_found_where_there_is_none) {
    add_conversation(service, other);
    for (const char* id : {"1", "2", "9223372036854775807"}) {
        expect_error(get(service, my_conversations + "/" + id), Error::not_found);
        expect_error(rename(service, R"({"title":"x"})", my_conversations + "/" + id),
                     Error::not_found);
        expect_error(remove(service, my_conversations + "/" + id), Error::not_found);
    }
    cr_assert_eq(count(service, "conversations"), 1);
}

ON_BOTH_ENGINES(conversation, is_deleted_once) {
    add_conversation(service);
    cr_expect_eq(remove(service).status(), 204);
    expect_error(remove(service), Error::not_found);
    expect_error(get(service), Error::not_found);
}

Test(conversation, needs_a_positive_id) {
    Service service{endpoint(), Engine::sqlite};
    for (const char* id : {"0", "-1", "9223372036854775808", "1.0", "%D9%A1", "x"}) {
        expect_error(get(service, my_conversations + "/" + id), Error::validation_error);
        expect_error(rename(service, R"({"title":"x"})", my_conversations + "/" + id),
                     Error::validation_error);
        expect_error(remove(service, my_conversations + "/" + id), Error::validation_error);
    }
}

ON_BOTH_ENGINES(conversation, is_its_owners_alone) {
    add_conversation(service);
    for (const char* method : {"GET", "DELETE"})
        expect_owner_only(service, service.with_token(method, path));
    expect_owner_only(service, service.with_token("PATCH", path, R"({"title":"x"})"));
    cr_assert_eq(count(service, "conversations WHERE title IS NULL"), 1);
}

Test(conversation, lists_its_methods) {
    Service service{endpoint(), Engine::sqlite};
    const auto response = service.send(service.with_token("PUT", path, "{}"));
    expect_error(response, Error::method_not_allowed);
    EXPECT_TEXT(response.header("Allow"), "GET, HEAD, PATCH, DELETE, OPTIONS");
}
