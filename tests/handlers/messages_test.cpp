#include <libpq-fe.h>

#include <algorithm>
#include <thread>

#include "tests/support/json_text.hpp"
#include "tests/support/once.hpp"
#include "tests/support/personal.hpp"

namespace {

const std::string path = my_conversations + "/1/messages";

Response say(Service& service, const std::string& body) {
    return service.send(service.with_token("POST", path, body));
}

std::string of_user(const std::string& content) {
    return R"({"role":"user","content":)" + json::write(content) + "}";
}

Response list(Service& service, const std::string& query = "") {
    return service.send(service.with_token("GET", path + query));
}

std::string pagination_of(const Response& response) {
    return json::canonical(json_of(response)["pagination"]);
}

// Adds five messages to conversation 1, interleaved with those of another conversation, and one of
// another user. The five have the ids 1, 3, 5, 7 and 9.
void add_messages(Service& service) {
    add_conversation(service);
    add_conversation(service);
    for (int i = 0; i < 5; ++i) {
        add_message(service, 1, "mine");
        add_message(service, 2, "elsewhere");
    }
    add_message(service, add_conversation(service, other), "another's", other);
}

using Ids = std::vector<std::int64_t>;

// Sends all requests at the same time from two services on one database.
std::vector<Response> send_from_both(Service& one, Service& another,
                                     const std::vector<Sent>& sent) {
    std::vector<Response> responses;
    std::thread sending{[&] { responses = another.send_all(sent); }};
    auto others = one.send_all(sent);
    sending.join();
    std::ranges::move(others, std::back_inserter(responses));
    return responses;
}

}  // namespace

// --- POST

ON_BOTH_ENGINES(messages, adds_one) {
    add_conversation(service);
    for (const char* role : {"user", "assistant", "system", "tool"}) {
        const auto response =
            say(service, R"({"role":")" + std::string{role} + R"(","content":" What is due? "})");
        cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
        const auto body = json_of(response);
        const auto id = std::to_string(body["data"]["id"].GetInt64());
        EXPECT_TEXT(data_of(response, "Message created"),
                    R"({"client_message_id":null,"content":" What is due? ",)"
                    R"("conversation_id":1,"created_at":")" +
                        member(body["data"], "created_at") + R"(","id":)" + id +
                        R"(,"metadata":null,"role":")" + role + R"("})");
        EXPECT_TEXT(response.header("Location"), "");
        cr_expect_eq(response.etag().size(), 66u);
    }
}

ON_BOTH_ENGINES(messages, touch_their_conversation) {
    add_conversation(service);
    add_conversation(service);
    const auto moment = member(json_of(say(service, of_user("x")))["data"], "created_at");
    const auto is_sqlite = service.config().sqlite_path().has_value();
    EXPECT_TEXT(service.database().execute(
                    is_sqlite ? "SELECT (SELECT updated_at FROM conversations WHERE id = 1) = "
                                "created_at FROM messages"
                              : "SELECT ((SELECT updated_at FROM conversations WHERE id = 1) = "
                                "created_at)::int FROM messages"),
                "1");
    cr_expect(moment > "2026-01-08T12:34:56.123456Z");
    cr_expect_eq(count(service, "conversations WHERE updated_at = created_at"), 1,
                 "another conversation was touched");
}

// SQL writes the JSON of the event and C++ that of the response. They must agree on every text.
ON_BOTH_ENGINES(messages, keep_every_text_exactly) {
    add_conversation(service);
    for (const std::string text :
         {"'quoted' \"double\" \\back\\ /", "control \x01\b\t\n\x0b\f\r\x1f\x7f end", " \n ",
          "\xe2\x80\xa8\xe2\x80\xa9", "\xf0\x9f\x98\x80 e\xcc\x81 \xc2\x80",
          "\xf4\x8f\xbf\xbf\xef\xbf\xbf", "<b>&amp;</b> \\u0000 %00 $1"}) {
        const auto response = say(service, of_user(text));
        cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
        const auto body = json_of(response);
        EXPECT_TEXT(member(body["data"], "content"), text);
        EXPECT_TEXT(data_of(list(service, "?last=1")),
                    "[" + data_of(response, "Message created") + "]");
        EXPECT_TEXT(last_event(service), "message.created user:" + me +
                                             " /conversations/1/messages/" +
                                             std::to_string(body["data"]["id"].GetInt64()) + " " +
                                             data_of(response, "Message created"));
    }
}

ON_BOTH_ENGINES(messages, count_characters_and_not_bytes) {
    add_conversation(service);
    for (const char* character : {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
        std::string longest;
        for (int i = 0; i < 32'000; ++i) longest += character;
        const auto response = say(service, of_user(longest));
        cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
        cr_expect(member(json_of(response)["data"], "content") == longest);
        cr_expect(last_event(service).ends_with(data_of(response, "Message created")));
        expect_detail(say(service, of_user(longest + "x")), "body.content", "string_too_long");
    }
    EXPECT_TEXT(service.database().execute("SELECT min(length(content)) FROM messages"), "32000");
}

// An escaped surrogate pair is one character of twelve bytes.
ON_BOTH_ENGINES(messages, take_bodies_of_256_kib) {
    add_conversation(service);
    const auto escaped = [](int count) {
        std::string text;
        for (int i = 0; i < count; ++i) text += R"(\ud83d\ude00)";
        return R"({"role":"user","content":")" + text + R"("})";
    };
    expect_error(say(service, escaped(32'000)), Error::payload_too_large);
    constexpr int most = (262'144 - 31) / 12;
    auto body = escaped(most);
    cr_assert_leq(body.size(), 262'144u);
    body.resize(262'144, ' ');
    cr_expect_eq(say(service, body).status(), 201);
    EXPECT_TEXT(service.database().execute("SELECT length(content) FROM messages"),
                std::to_string(most));
    expect_error(say(service, body + " "), Error::payload_too_large);
}

// Each is stored in canonical form and returned in the same one everywhere.
ON_BOTH_ENGINES(messages, take_any_json_as_metadata) {
    add_conversation(service);
    for (const auto& [sent, canonical] :
         {std::pair{R"({"usage":{"output":2,"input":1.50},"model":"m"})",
                    R"({"model":"m","usage":{"input":1.5,"output":2}})"},
          {R"([1, -0.0, 1e21, 1E-7, 9007199254740991, true, false, null])",
           "[1,0,1e+21,1e-7,9007199254740991,true,false,null]"},
          {R"("\"q\" \\ \/ \u0001\u007f\u2028 \ud83d\ude00 \u00e9")",
           "\"\\\"q\\\" \\\\ / \\u0001\x7f\xe2\x80\xa8 \xf0\x9f\x98\x80 \xc3\xa9\""},
          {R"({"\u0001\"\\":{"":[]}})", R"({"\u0001\"\\":{"":[]}})"},
          {R"("null")", R"("null")"},
          {"0", "0"},
          {"false", "false"},
          {"{}", "{}"},
          {R"("")", R"("")"},
          {" null ", "null"}}) {
        const auto response = say(
            service, std::string{R"({"role":"assistant","content":"x","metadata":)"} + sent + "}");
        cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
        const auto data = data_of(response, "Message created");
        cr_expect_neq(data.find(R"("metadata":)" + std::string{canonical} + R"(,"role")"),
                      data.npos, "%s", shown(data).c_str());
        EXPECT_TEXT(data_of(list(service, "?last=1")), "[" + data + "]");
        cr_expect(last_event(service).ends_with(" " + data), "%s",
                  shown(last_event(service)).c_str());
    }
}

ON_BOTH_ENGINES(messages, with_metadata_need_no_content) {
    add_conversation(service);
    for (const char* content : {R"("")", "null"}) {
        const auto without = std::string{R"({"role":"assistant","content":)"} + content;
        for (const char* metadata : {R"({"tool_calls":[]})", "[]", "0", "false", R"("")"}) {
            const auto response = say(service, without + R"(,"metadata":)" + metadata + "}");
            cr_assert_eq(response.status(), 201, "%s", shown(response.body()).c_str());
            EXPECT_TEXT(member(json_of(response)["data"], "content"), "");
        }
        expect_detail(say(service, without + "}"), "body.content", "string_too_short");
        expect_detail(say(service, without + R"(,"metadata":null})"), "body.content",
                      "string_too_short");
    }
}

ON_BOTH_ENGINES(messages, bound_their_metadata) {
    add_conversation(service);
    const auto with = [](const std::string& metadata) {
        return R"({"role":"user","content":"x","metadata":)" + metadata + "}";
    };
    const auto text = [](std::size_t size) { return "\"" + std::string(size - 2, 'x') + "\""; };
    cr_expect_eq(say(service, with(text(16'384))).status(), 201);
    expect_detail(say(service, with(text(16'385))), "body.metadata", "too_long");
    // What counts is the canonical form.
    cr_expect_eq(say(service, with(std::string(16'384, ' ') + "[ 1 ]")).status(), 201);
    expect_detail(say(service, with("[9007199254740992]")), "body.metadata", "value_error");
    expect_detail(say(service, with(R"({"a":1,"a":1})")), "body.metadata.a", "value_error");
}

ON_BOTH_ENGINES(messages, with_a_client_id_are_added_once) {
    add_conversation(service);
    add_conversation(service);
    std::string longest;
    for (int i = 0; i < 255; ++i) longest += "\xf0\x9f\x98\x80";
    for (const auto& id : {std::string{"turn-1"}, std::string{"TURN-1"}, std::string{" turn-1"},
                           std::string{"\"q\" \\ \x01"}, longest}) {
        const auto with_id = R"(,"client_message_id":)" + json::write(id) + "}";
        const auto first = say(service, R"({"role":"user","content":"first")" + with_id);
        cr_assert_eq(first.status(), 201, "%s", shown(first.body()).c_str());
        const auto data = data_of(first, "Message created");
        EXPECT_TEXT(member(json_of(first)["data"], "client_message_id"), id);
        cr_expect(last_event(service).ends_with(" " + data));
        const auto events = count(service, "events");
        const auto conversation =
            service.database().execute("SELECT updated_at FROM conversations WHERE id = 1");
        for (const char* body : {R"({"role":"user","content":"first")",
                                 R"({"role":"assistant","content":"another","metadata":1)"}) {
            const auto again = say(service, body + with_id);
            cr_expect_eq(again.status(), 200);
            EXPECT_TEXT(data_of(again), data);
            EXPECT_TEXT(again.etag(), first.etag());
            cr_expect(json_of(again)["message"].IsNull());
        }
        cr_expect_eq(count(service, "events"), events);
        EXPECT_TEXT(service.database().execute("SELECT updated_at FROM conversations WHERE id = 1"),
                    conversation);
        // Another conversation has ids of its own.
        const auto elsewhere = service.send(service.with_token(
            "POST", my_conversations + "/2/messages", R"({"role":"user","content":"x")" + with_id));
        cr_expect_eq(elsewhere.status(), 201);
    }
    cr_expect_eq(count(service, "messages"), 10);
    // Without an id, equal messages are several.
    for (const char* id : {"", R"(,"client_message_id":null)"})
        cr_expect_eq(
            say(service, R"({"role":"user","content":"x")" + std::string{id} + "}").status(), 201);
    cr_expect_eq(count(service, "messages WHERE client_message_id IS NULL"), 2);
}

ON_BOTH_ENGINES(messages, that_race_with_one_client_id_are_one) {
    Service another{endpoint(), service.database().url()};
    add_conversation(service);
    for (int round = 0; round < 10; ++round) {
        std::vector<Sent> sent;
        for (int i = 0; i < 12; ++i)
            sent.push_back(
                service.with_token("POST", path,
                                   json_text(R"({"role":"user","content":$,"client_message_id":$})",
                                             "content " + std::to_string(i),
                                             std::to_string(round) + "-" + std::to_string(i % 3))));
        const auto events = count(service, "events");
        const auto responses = send_from_both(service, another, sent);
        for (std::size_t id = 0; id < 3; ++id) {
            int created = 0;
            for (auto i = id; i < responses.size(); i += 3) {
                cr_assert(responses[i].status() == 200 || responses[i].status() == 201, "%s",
                          shown(responses[i].body()).c_str());
                created += responses[i].status() == 201 ? 1 : 0;
                EXPECT_TEXT(responses[i].etag(), responses[id].etag());
            }
            cr_expect_eq(created, 1);
        }
        // Only new messages touch the conversation, and not all change it: a transaction that
        // waited has an earlier time.
        const auto touches = count(service, "events") - events - 3;
        cr_expect(touches >= 1 && touches <= 3, "%ld touches", static_cast<long>(touches));
    }
    cr_expect_eq(count(service, "messages"), 30);
}

// Both have begun before either can add its message.
Test(messages, with_one_client_id_wait_for_each_other_on_postgres) {
    Service service{endpoint(), Engine::postgres};
    Service another{endpoint(), service.database().url()};
    add_conversation(service);
    const auto sent = service.with_token(
        "POST", path, R"({"role":"user","content":"x","client_message_id":"turn-1"})");
    const PgConnection holder{PQconnectdb(service.database().url().c_str())};
    PQclear(PQexec(holder.get(), "BEGIN; SELECT 1 FROM conversations FOR UPDATE"));
    std::thread releasing{[&] {
        wait_until("both wait", [&] {
            return count(service,
                         "pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
                         "current_database()") == 2;
        });
        PQclear(PQexec(holder.get(), "COMMIT"));
    }};
    const auto responses = send_from_both(service, another, {sent});
    releasing.join();
    cr_expect_eq(responses[0].status() + responses[1].status(), 201 + 200);
    EXPECT_TEXT(responses[0].etag(), responses[1].etag());
    cr_expect_eq(count(service, "messages"), 1);
    cr_expect_eq(count(service, "events WHERE type <> 'conversation.created'"), 2);
}

// Deleting the conversation meanwhile makes it 404, never a failure.
ON_BOTH_ENGINES(messages, race_with_the_end_of_their_conversation) {
    for (int round = 0; round < 10; ++round) {
        const auto id = add_conversation(service);
        const auto target = my_conversations + "/" + std::to_string(id) + "/messages";
        const auto sent = service.with_token("POST", target, of_user("x"));
        std::thread deleting{[&] { remove_all(service, "conversations"); }};
        const auto responses = service.send_all({sent, sent, sent});
        deleting.join();
        for (const auto& response : responses)
            cr_expect(response.status() == 201 || response.status() == 404, "%s",
                      shown(response.body()).c_str());
        cr_expect_eq(count(service, "messages"), 0);
    }
}

ON_BOTH_ENGINES(messages, refuse_bad_bodies) {
    add_conversation(service);
    static constexpr struct {
        const char* body;
        const char* location;
        const char* type;
    } cases[] = {
        {R"({"content":"x"})", "body.role", "missing"},
        {R"({"role":"user"})", "body.content", "missing"},
        {R"({"role":"user","content":""})", "body.content", "string_too_short"},
        {R"({"role":"user","content":null})", "body.content", "string_too_short"},
        {R"({"role":"user","content":["x"]})", "body.content", "string_type"},
        {R"({"role":"user","metadata":{}})", "body.content", "missing"},
        {R"({"role":"user","content":"x","client_message_id":""})", "body.client_message_id",
         "string_too_short"},
        {R"({"role":"user","content":"x","client_message_id":1})", "body.client_message_id",
         "string_type"},
        {R"({"role":"developer","content":"x"})", "body.role", "enum"},
        {R"({"role":"User","content":"x"})", "body.role", "enum"},
        {R"({"role":"user|assistant","content":"x"})", "body.role", "enum"},
        {R"({"role":"","content":"x"})", "body.role", "enum"},
        {R"({"role":null,"content":"x"})", "body.role", "string_type"},
        {R"({"role":"user","content":"x","id":1})", "body.id", "extra_forbidden"},
        {R"({"role":"user","content":"x","conversation_id":2})", "body.conversation_id",
         "extra_forbidden"},
        {R"({"role":"user","content":"x","content":"x"})", "body.content", "value_error"},
        {"[]", "body", "model_attributes_type"},
        {"", "body", "missing"},
    };
    for (const auto& [body, location, type] : cases)
        expect_detail(say(service, body), location, type);
    const std::string long_id(256, 'x');
    expect_detail(
        say(service, R"({"role":"user","content":"x","client_message_id":")" + long_id + R"("})"),
        "body.client_message_id", "string_too_long");
    auto sent = service.with_token("POST", path, of_user("x"));
    sent.content_type = "text/plain";
    expect_error(service.send(sent), Error::unsupported_media_type);
    sent.body = std::string(262'145, ' ');
    expect_error(service.send(sent), Error::payload_too_large);
    cr_assert_eq(count(service, "messages"), 0);
    cr_assert_eq(count(service, "conversations WHERE updated_at = created_at"), 1);
}

// --- without a conversation

ON_BOTH_ENGINES(messages, are_not_found_without_their_conversation) {
    add_message(service, add_conversation(service, other), "secret", other);
    for (const char* id : {"1", "2", "9223372036854775807"}) {
        const auto target = my_conversations + "/" + id + "/messages";
        expect_error(service.send(service.with_token("POST", target, of_user("x"))),
                     Error::not_found);
        for (const char* query : {"", "?last=1", "?limit=1", "?offset=1"})
            expect_error(service.send(service.with_token("GET", target + query)), Error::not_found);
    }
    cr_assert_eq(count(service, "messages"), 1);
    cr_assert_eq(count(service, "conversations WHERE updated_at = created_at"), 1);
}

ON_BOTH_ENGINES(messages, need_a_positive_id) {
    for (const char* id : {"0", "-1", "9223372036854775808", "1.0", "%D9%A1", "x"}) {
        const auto target = my_conversations + "/" + id + "/messages";
        expect_error(service.send(service.with_token("GET", target)), Error::validation_error);
        expect_error(service.send(service.with_token("POST", target, of_user("x"))),
                     Error::validation_error);
    }
}

ON_BOTH_ENGINES(messages, are_their_owners_alone) {
    add_conversation(service);
    for (const char* method : {"GET", "POST"})
        expect_owner_only(service, service.with_token(method, path, of_user("x")));
    cr_assert_eq(count(service, "messages"), 0);
}

// Even a bug in a handler could not add a message to another user's conversation.
ON_BOTH_ENGINES(messages, the_schema_refuses_another_users_conversation) {
    add_conversation(service);
    add_conversation(service, other);
    static constexpr std::string_view parameters[] = {"conversation_id", "user_id"};
    static constexpr Query smuggle{
        "smuggle",
        "INSERT INTO messages (conversation_id, user_id, role, content, created_at) "
        "VALUES ($1, $2, 'user', 'x', now())",
        "INSERT INTO messages (conversation_id, user_id, role, content, created_at) "
        "VALUES ($1, $2, 'user', 'x', now())",
        false, parameters};
    static constexpr Query hand_over{
        "hand_over", "UPDATE conversations SET user_id = $2 WHERE id = $1",
        "UPDATE conversations SET user_id = $2 WHERE id = $1", false, parameters};
    OpenDatabase open{service.database().url()};
    const auto state_of = [&](db::Batch batch) {
        return open.sqlstate_of(open.db().run(std::move(batch)));
    };
    db::Batch theirs;
    theirs.add(smuggle, db::named("conversation_id", std::int64_t{2}), db::named("user_id", me));
    EXPECT_TEXT(state_of(std::move(theirs)), "23503");
    db::Batch mine;
    mine.add(smuggle, db::named("conversation_id", std::int64_t{1}), db::named("user_id", me));
    EXPECT_TEXT(state_of(std::move(mine)), "");
    db::Batch given;
    given.add(hand_over, db::named("conversation_id", std::int64_t{1}),
              db::named("user_id", other));
    EXPECT_TEXT(state_of(std::move(given)), "23503");
}

// --- GET

ON_BOTH_ENGINES(messages, are_listed_the_oldest_first) {
    add_messages(service);
    const auto response = list(service);
    cr_assert(ids_of(response) == (Ids{1, 3, 5, 7, 9}));
    EXPECT_TEXT(pagination_of(response),
                R"({"has_more":false,"limit":100,"next_cursor":null,"offset":0,"total":5})");
}

ON_BOTH_ENGINES(messages, of_an_empty_conversation_are_none) {
    add_conversation(service);
    for (const char* query : {"?limit=10", "?last=10"}) {
        const auto response = list(service, query);
        EXPECT_TEXT(data_of(response), "[]");
        EXPECT_TEXT(pagination_of(response),
                    R"({"has_more":false,"limit":10,"next_cursor":null,"offset":0,"total":0})");
    }
}

ON_BOTH_ENGINES(messages, come_once_each_page_by_page) {
    add_messages(service);
    for (const char* limit : {"?limit=1", "?limit=2", "?limit=3"}) {
        Ids ids;
        std::string cursor;
        while (cursor != "&cursor=<null>") {
            const auto page = list(service, limit + cursor);
            for (const auto id : ids_of(page)) ids.push_back(id);
            cursor = "&cursor=" + next_cursor(page);
        }
        cr_expect(ids == (Ids{1, 3, 5, 7, 9}), "%s", limit);
    }
}

// Deletes the message that the cursor was made from, and one after it.
ON_BOTH_ENGINES(messages, cursors_outlive_their_messages) {
    add_messages(service);
    const auto page = list(service, "?limit=2");
    service.database().execute("DELETE FROM messages WHERE id IN (3, 7)");
    cr_assert(ids_of(list(service, "?cursor=" + next_cursor(page))) == (Ids{5, 9}));
}

ON_BOTH_ENGINES(messages, that_are_added_meanwhile_come_last) {
    add_messages(service);
    const auto first = list(service, "?limit=3");
    const auto added = add_message(service, 1, "new");
    cr_assert(ids_of(list(service, "?cursor=" + next_cursor(first))) == (Ids{7, 9, added}));
}

ON_BOTH_ENGINES(messages, skip_an_offset) {
    add_messages(service);
    const auto page = list(service, "?offset=1&limit=2");
    cr_assert(ids_of(page) == (Ids{3, 5}));
    cr_assert(ids_of(list(service, "?cursor=" + next_cursor(page))) == (Ids{7, 9}));
    cr_assert(ids_of(list(service, "?offset=5")).empty());
}

ON_BOTH_ENGINES(messages, last_gives_the_newest_in_order) {
    add_messages(service);
    static constexpr struct {
        const char* query;
        std::size_t count;
        const char* pagination;
    } cases[] = {
        {"?last=1", 1, R"({"has_more":false,"limit":1,"next_cursor":null,"offset":4,"total":5})"},
        {"?last=3", 3, R"({"has_more":false,"limit":3,"next_cursor":null,"offset":2,"total":5})"},
        {"?last=5", 5, R"({"has_more":false,"limit":5,"next_cursor":null,"offset":0,"total":5})"},
        {"?last=100", 5,
         R"({"has_more":false,"limit":100,"next_cursor":null,"offset":0,"total":5})"},
    };
    const Ids all{1, 3, 5, 7, 9};
    for (const auto& [query, count, pagination] : cases) {
        const auto response = list(service, query);
        cr_expect(ids_of(response) == Ids(all.end() - long(count), all.end()), "%s", query);
        EXPECT_TEXT(pagination_of(response), pagination);
    }
}

Test(messages, refuses_bad_parameters) {
    Service service{endpoint(), Engine::sqlite};
    add_messages(service);
    static constexpr struct {
        const char* query;
        const char* location;
        const char* type;
    } cases[] = {
        {"?last=0", "query.last", "greater_than_equal"},
        {"?last=-1", "query.last", "greater_than_equal"},
        {"?last=101", "query.last", "less_than_equal"},
        {"?last=", "query.last", "int_parsing"},
        {"?last=x", "query.last", "int_parsing"},
        {"?last=1&last=1", "query.last", "value_error"},
        {"?last=1&offset=1", "query.last", "value_error"},
        {"?limit=0", "query.limit", "greater_than_equal"},
        {"?limit=101", "query.limit", "less_than_equal"},
        {"?offset=-1", "query.offset", "greater_than_equal"},
        {"?cursor=", "query.cursor", "value_error"},
        {"?cursor=x", "query.cursor", "value_error"},
    };
    for (const auto& [query, location, type] : cases)
        expect_detail(list(service, query), location, type);
    const auto cursor = "&cursor=" + next_cursor(list(service, "?limit=1"));
    expect_detail(list(service, "?last=1" + cursor), "query.last", "value_error");
    expect_detail(list(service, "?offset=1" + cursor), "query.offset", "value_error");
    cr_expect_eq(list(service, "?sort=x&order=x&status=x").status(), 200);
}

Test(messages, a_cursor_belongs_to_its_conversation) {
    Service service{endpoint(), Engine::sqlite};
    add_messages(service);
    const auto cursor = next_cursor(list(service, "?limit=1"));
    expect_detail(
        service.send(service.with_token("GET", my_conversations + "/2/messages?cursor=" + cursor)),
        "query.cursor", "value_error");
    for (std::size_t i = 0; i < cursor.size(); ++i) {
        auto changed = cursor;
        changed[i] = changed[i] == '0' ? '1' : '0';
        expect_detail(list(service, "?cursor=" + changed), "query.cursor", "value_error");
        expect_detail(list(service, "?cursor=" + cursor.substr(0, i)), "query.cursor",
                      "value_error");
    }
    expect_detail(list(service, "?cursor=" + cursor + "61"), "query.cursor", "value_error");
}

ON_BOTH_ENGINES(messages, are_not_modified_while_nothing_changes) {
    add_messages(service);
    auto sent = service.with_token("GET", path);
    sent.if_none_match = list(service).etag();
    add_conversation(service, other);
    cr_expect_eq(service.send(sent).status(), 304);
    sent.method = "HEAD";
    cr_expect_eq(service.send(sent).status(), 304);
    add_message(service, 1, "here");
    const auto changed = service.send(sent);
    cr_expect_eq(changed.status(), 200);
    EXPECT_TEXT(changed.body(), "");
}

// Deleting some messages leaves no event.
ON_BOTH_ENGINES(messages, are_modified_when_some_are_deleted) {
    add_messages(service);
    service.database().wait_for_feed();
    auto sent = service.with_token("GET", path);
    sent.if_none_match = list(service).etag();
    cr_expect_eq(service.send(sent).status(), 304);
    service.database().execute("DELETE FROM messages WHERE id = 1");
    cr_expect_eq(service.send(sent).status(), 200);
}

// A conversation that does not exist is 404 each time, and the tag of one does not help.
ON_BOTH_ENGINES(messages, of_a_deleted_conversation_are_gone) {
    add_messages(service);
    service.database().wait_for_feed();
    auto sent = service.with_token("GET", path);
    sent.if_none_match = list(service).etag();
    remove_all(service, "conversations");
    expect_error(service.send(sent), Error::not_found);
    expect_error(service.send(sent), Error::not_found);
    sent.if_none_match.clear();
    expect_error(service.send(sent), Error::not_found);
}

Test(messages, lists_its_methods) {
    Service service{endpoint(), Engine::sqlite};
    const auto response = service.send(service.with_token("DELETE", path));
    expect_error(response, Error::method_not_allowed);
    EXPECT_TEXT(response.header("Allow"), "GET, HEAD, POST, OPTIONS");
}

ON_BOTH_ENGINES(messages, limits_writes) {
    const auto path =
        "/api/conversations/" + std::to_string(add_conversation(service)) + "/messages";
    expect_limits_writes(service,
                         service.with_token("POST", path, R"({"role":"user","content":"x"})"));
}

ON_BOTH_ENGINES(messages, keeps_to_the_quota) {
    service.config().max_messages_per_conversation = 3;
    const auto id = add_conversation(service);
    const auto another_id = add_conversation(service);
    add_message(service, id, "one");
    add_message(service, another_id, "one");
    const auto post = [&](std::int64_t conversation_id) {
        return service.send(service.with_token(
            "POST", "/api/conversations/" + std::to_string(conversation_id) + "/messages",
            R"({"role":"user","content":"x"})"));
    };
    cr_expect_eq(post(id).status(), 201);
    cr_expect_eq(post(id).status(), 201);
    const auto updated_at = [&] {
        return service.database().execute("SELECT updated_at FROM conversations WHERE id = " +
                                          std::to_string(id));
    };
    const auto before = updated_at();
    expect_error(post(id), Error::quota_exceeded);
    EXPECT_TEXT(updated_at(), before);
    cr_expect_eq(count(service, "messages"), 4);
    cr_expect_eq(post(another_id).status(), 201);
    expect_error(post(another_id + 1), Error::not_found);
    service.database().execute("DELETE FROM messages WHERE content = 'one'");
    cr_expect_eq(post(id).status(), 201);
    expect_error(post(id), Error::quota_exceeded);
    service.config().max_messages_per_conversation.reset();
    cr_expect_eq(post(id).status(), 201);
    remove_all(service, "conversations");
    cr_expect_eq(count(service, "message_counts"), 0);
}

// --- Idempotency-Key

ON_BOTH_ENGINES(messages, are_added_once_for_a_key) {
    add_conversation(service);
    expect_created_once(
        service,
        service.with_token("POST", "/api/conversations/1/messages", of_user("\"x\" \\ é\n")),
        of_user("y"), "messages", "UPDATE messages SET content = 'changed'",
        "DELETE FROM messages");
}

// A repetition changes nothing in the conversation, and needs it no longer.
ON_BOTH_ENGINES(messages, are_repeated_without_their_conversation) {
    auto sent = service.with_token("POST", path, of_user("x"));
    sent.idempotency_key = "k";
    for (int i = 0; i < 2; ++i) expect_error(service.send(sent), Error::not_found);
    cr_expect_eq(count(service, "request_keys"), 0);
    add_conversation(service);
    add_conversation(service);
    const auto first = service.send(sent);
    cr_assert_eq(first.status(), 201);
    const auto touched = service.database().execute("SELECT updated_at FROM conversations");
    expect_same(service.send(sent), first);
    EXPECT_TEXT(service.database().execute("SELECT updated_at FROM conversations"), touched);
    auto elsewhere = sent;
    elsewhere.target = my_conversations + "/2/messages";
    expect_detail(service.send(elsewhere), "header.Idempotency-Key", "value_error");
    remove_all(service, "conversations");
    expect_same(service.send(sent), first);
    expect_detail(service.send(elsewhere), "header.Idempotency-Key", "value_error");
}

ON_BOTH_ENGINES(messages, leave_a_key_unused_above_the_quota) {
    service.config().max_messages_per_conversation = 1;
    add_conversation(service);
    cr_assert_eq(say(service, of_user("the last")).status(), 201);
    auto sent = service.with_token("POST", path, of_user("one more"));
    sent.idempotency_key = "k";
    expect_error(service.send(sent), Error::quota_exceeded);
    cr_expect_eq(count(service, "request_keys"), 0);
    service.config().max_messages_per_conversation.reset();
    const auto first = service.send(sent);
    cr_expect_eq(first.status(), 201);
    EXPECT_TEXT(member(json_of(first)["data"], "content"), "one more");
}

// The key of the message and that of the request go together.
ON_BOTH_ENGINES(messages, with_a_clients_id_are_repeated_for_a_key) {
    add_conversation(service);
    auto sent = service.with_token("POST", path,
                                   R"({"role":"user","content":"x","client_message_id":"turn-1"})");
    sent.idempotency_key = "k";
    const auto first = service.send(sent);
    cr_assert_eq(first.status(), 201, "%s", shown(first.body()).c_str());
    expect_same(service.send(sent), first);
    // Another key finds the message, which is there already, and stays unused.
    auto with_another = sent;
    with_another.idempotency_key = "another";
    for (int i = 0; i < 2; ++i) {
        const auto found = service.send(with_another);
        cr_expect_eq(found.status(), 200);
        EXPECT_TEXT(json::canonical(json_of(found)["data"]),
                    json::canonical(json_of(first)["data"]));
    }
    cr_expect_eq(count(service, "request_keys"), 1);
    cr_expect_eq(count(service, "messages"), 1);
    remove_all(service, "conversations");
    expect_same(service.send(sent), first);
    expect_error(service.send(with_another), Error::not_found);
}
