#include <ctime>

#include "tests/support/once.hpp"
#include "tests/support/service.hpp"
#include "tests/support/whole_numbers.hpp"

namespace {

const std::string path = "/events";
constexpr const char* ann = "ann";

// Writes an event directly to the database, in a transaction of its own.
void write(Service& service, const std::string& audience, const std::string& type) {
    service.database().execute("INSERT INTO events (type, audience, subject, data) VALUES ('" +
                               type + "', '" + audience + "', '/x', '{\"a\":1}')");
    service.database().wait_for_feed();
}

// Writes small events of the type `noise`.
void write_noise(Service& service, int count) {
    service.database().execute(
        "INSERT INTO events (type, audience, subject, data) WITH RECURSIVE n(i) AS (SELECT 1 UNION "
        "ALL SELECT i + 1 FROM n WHERE i < " +
        std::to_string(count) + ") SELECT 'noise', 'public', '/x', '1' FROM n");
    service.database().wait_for_feed();
}

struct Listed {
    std::string types;  // "one two"
    std::string next_cursor;
};

Listed list(Service& service, const std::string& query, Sent sent = {}) {
    sent.target = path + query;
    const auto response = service.send(sent);
    cr_assert_eq(response.status(), 200, "%s", std::string{response.body()}.c_str());
    const auto body = json_of(response);
    Listed listed{"", member(body, "next_cursor")};
    for (const auto& event : body["events"].GetArray())
        listed.types += (listed.types.empty() ? "" : " ") + member(event, "type");
    return listed;
}

Sent with_user(const Service& service, const char* user_id) {
    return {.authorization = service.bearer(user_id)};
}

}  // namespace

ON_BOTH_ENGINES(events, are_listed_whole_and_in_order) {
    write(service, "public", "one");
    write(service, "public", "two");
    const auto response = service.send({.target = path});
    cr_assert_eq(response.status(), 200);
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-store");
    const auto body = json_of(response);
    cr_assert_eq(body["events"].Size(), 2);
    const auto& event = body["events"][0];
    EXPECT_TEXT(member(event, "type"), "one");
    EXPECT_TEXT(member(event, "audience"), "public");
    EXPECT_TEXT(member(event, "subject"), "/x");
    cr_expect_eq(event["data"]["a"].GetInt64(), 1);
    cr_expect_eq(member(event, "created_at").size(), 27);
    EXPECT_TEXT(list(service, "?after=" + member(event, "id")).types, "two");
}

ON_BOTH_ENGINES(events, are_read_on_from_the_next_cursor) {
    const auto empty = list(service, "");
    EXPECT_TEXT(empty.types, "");
    for (const char* type : {"one", "two", "three", "four", "five"}) write(service, "public", type);
    const auto first = list(service, "?limit=2&after=" + empty.next_cursor);
    EXPECT_TEXT(first.types, "one two");
    const auto second = list(service, "?limit=2&after=" + first.next_cursor);
    EXPECT_TEXT(second.types, "three four");
    const auto third = list(service, "?limit=2&after=" + second.next_cursor);
    EXPECT_TEXT(third.types, "five");
    const auto end = list(service, "?limit=2&after=" + third.next_cursor);
    EXPECT_TEXT(end.types, "");
    write(service, "public", "six");
    EXPECT_TEXT(list(service, "?after=" + end.next_cursor).types, "six");
}

// 20 events of 16 KB exceed a page's 256 KiB.
ON_BOTH_ENGINES(events, end_a_page_before_it_is_too_large) {
    std::string all;
    for (int i = 0; i < 20; ++i) {
        const auto type = "t" + std::to_string(i);
        service.database().execute("INSERT INTO events (type, audience, subject, data) VALUES ('" +
                                   type + "', 'public', '/x', '\"" + std::string(16'000, 'x') +
                                   "\"')");
        all += (i > 0 ? " " : "") + type;
    }
    service.database().wait_for_feed();
    const auto first = list(service, "");
    cr_expect_eq(std::count(first.types.begin(), first.types.end(), ' '), 15);
    const auto second = list(service, "?after=" + first.next_cursor);
    EXPECT_TEXT(first.types + " " + second.types, all);
    EXPECT_TEXT(list(service, "?after=" + second.next_cursor).types, "");
    // A page holds at least one event.
    service.database().execute(
        "INSERT INTO events (type, audience, subject, data) VALUES ('big', 'public', '/x', '\"" +
        std::string(300'000, 'x') + "\"')");
    write(service, "public", "small");
    EXPECT_TEXT(list(service, "?after=" + second.next_cursor).types, "big");
}

ON_BOTH_ENGINES(events, are_for_their_audience_alone) {
    write(service, "public", "public");
    write(service, "user:ann", "anns");
    write(service, "user:bob", "bobs");
    write(service, "jobs", "jobs");
    write(service, "", "nobodys");
    EXPECT_TEXT(list(service, "").types, "public");
    EXPECT_TEXT(list(service, "", with_user(service, ann)).types, "public anns");
    EXPECT_TEXT(list(service, "", with_user(service, "bob")).types, "public bobs");
    EXPECT_TEXT(list(service, "", {.api_key = api_key}).types, "public jobs");
    // Another user's cursor gives access to nothing.
    const auto bobs = list(service, "?limit=2", with_user(service, "bob"));
    EXPECT_TEXT(list(service, "?after=" + bobs.next_cursor, with_user(service, ann)).types, "");

    Identity both{ann, ""};
    both.api_key = service.context().api_keys.verify(api_key, {});
    const auto ticket = service.context().tokens.issue_ticket(both);
    EXPECT_TEXT(list(service, "?ticket=" + ticket).types, "public anns jobs");
    // A ticket takes precedence over a token.
    EXPECT_TEXT(list(service, "?ticket=" + ticket, with_user(service, "bob")).types,
                "public anns jobs");
}

ON_BOTH_ENGINES(events, refuse_what_proves_nothing) {
    expect_error(service.send({.target = path, .authorization = "Bearer x"}), Error::invalid_token);
    expect_error(service.send({.target = path, .api_key = "x"}), Error::invalid_api_key);
    for (const auto& ticket : {std::string{"x"}, std::string{}, service.bearer(ann).substr(7)})
        expect_error(service.send({.target = path + "?ticket=" + ticket}), Error::invalid_token);
}

ON_BOTH_ENGINES(events, refuse_a_ticket_that_has_outlived_its_proof) {
    Identity bearer{ann, ""};
    bearer.expires_at = std::time(nullptr) + 60;
    const auto& tokens = service.context().tokens;
    EXPECT_TEXT(list(service, "?ticket=" + tokens.issue_ticket(bearer)).types, "");
    bearer.expires_at = std::time(nullptr);
    expect_error(service.send({.target = path + "?ticket=" + tokens.issue_ticket(bearer)}),
                 Error::invalid_token);
    // The key of this ticket has since been removed from API_KEYS.
    Identity worker;
    worker.api_key = service.context().api_keys.verify(other_api_key, {});
    const auto ticket = tokens.issue_ticket(worker);
    EXPECT_TEXT(list(service, "?ticket=" + ticket).types, "");
    Service restarted{endpoint(), service.config().database_url.text};
    restarted.config().api_keys = {api_key};
    expect_error(restarted.send({.target = path + "?ticket=" + ticket}), Error::invalid_token);
}

ON_BOTH_ENGINES(events, refuse_the_token_of_an_account_that_is_gone) {
    const auto with_token = with_user(service, ann);
    auto bearer = service.context().tokens.verify(with_token.authorization.substr(7));
    const auto ticket = "?ticket=" + service.context().tokens.issue_ticket(bearer);
    write(service, "user:ann", "anns");
    auto note = service.with_token("POST", path, R"({"event":"x","target":"/x"})");
    for (const auto* query : {"", "?limit=1"})
        EXPECT_TEXT(list(service, query, with_token).types, "anns");
    EXPECT_TEXT(list(service, ticket).types, "anns");
    service.database().execute("DELETE FROM users");
    auto listing = with_token;
    listing.target = path;
    expect_error(service.send(listing), Error::invalid_token);
    expect_error(service.send({.target = path + ticket}), Error::invalid_token);
    expect_error(service.send(note), Error::invalid_token);
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM users"), "0");
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM events"), "1");
    // The service does not check the accounts of another issuer, and a read adds no row.
    EXPECT_TEXT(list(service, "", {.authorization = service.foreign_bearer(ann)}).types, "anns");
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM users"), "0");
}

ON_BOTH_ENGINES(events, refuse_a_cursor_that_is_none) {
    write(service, "public", "one");
    for (const char* cursor : {"x", "-1", "99999999999-1", "1", "%00"})
        expect_detail(service.send({.target = path + "?after=" + cursor}), "query.after",
                      "value_error");
    expect_detail(service.send({.target = path + "?limit=0"}), "query.limit", "greater_than_equal");
    expect_detail(service.send({.target = path + "?limit=101"}), "query.limit", "less_than_equal");
}

ON_BOTH_ENGINES(events, refuse_a_cursor_whose_next_events_are_gone) {
    write(service, "public", "one");
    const auto first = list(service, "?limit=1");
    write(service, "public", "two");
    const auto second = list(service, "?limit=2");
    write(service, "public", "three");
    service.database().execute("DELETE FROM events WHERE type <> 'three'");
    expect_detail(service.send({.target = path + "?after=" + first.next_cursor}), "query.after",
                  "value_error");
    EXPECT_TEXT(list(service, "?after=" + second.next_cursor).types, "three");
    EXPECT_TEXT(list(service, "").types, "three");
}

// A restored backup and a promotion begin another history.
ON_BOTH_ENGINES(events, refuse_a_cursor_of_another_history) {
    write(service, "public", "one");
    const auto cursor = list(service, "").next_cursor;
    const auto without_epoch = cursor.substr(0, cursor.rfind('-'));
    const auto epoch = cursor.substr(cursor.rfind('-'));
    EXPECT_TEXT(list(service, "?after=" + cursor).types, "");
    EXPECT_TEXT(list(service, "?after=" + without_epoch).types, "");
    cr_expect(list(service, "?after=" + without_epoch).next_cursor.ends_with(epoch));
    service.database().execute("INSERT INTO feed_epoch DEFAULT VALUES");
    write(service, "public", "two");
    for (const auto& refused : {cursor, without_epoch})
        expect_detail(service.send({.target = path + "?after=" + refused}), "query.after",
                      "value_error");
    const auto again = list(service, "");
    EXPECT_TEXT(again.types, "one two");
    EXPECT_TEXT(list(service, "?after=" + again.next_cursor).types, "");
}

// RUN_DIR remembers how far this service has come.
Test(events, refuse_a_cursor_of_before_an_older_file) {
    Service service{endpoint(), Engine::sqlite};
    write(service, "public", "one");
    const auto kept = list(service, "").next_cursor;
    const auto note = service.with_token("POST", path, R"({"event":"lost","target":"/x"})");
    cr_assert_eq(service.send(note).status(), 200);
    const auto lost = member(json_of(service.send(note)), "id");
    EXPECT_TEXT(list(service, "?after=" + kept).next_cursor, lost);
    service.database().execute(
        "DELETE FROM events WHERE type = 'note.lost'; DELETE FROM events_pruned; "
        "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'events'");
    const auto again =
        service.send(service.with_token("POST", path, R"({"event":"new","target":"/x"})"));
    write(service, "public", "newer");
    for (const auto& refused : {kept, lost})
        expect_detail(service.send({.target = path + "?after=" + refused}), "query.after",
                      "value_error");
    EXPECT_TEXT(list(service, "?after=" + member(json_of(again), "id")).types, "newer");
}

// --- filters

ON_BOTH_ENGINES(events, are_filtered_by_type_and_subject) {
    for (const char* type : {"task.created", "task.deleted", "job.completed", "job.failed"})
        write(service, "public", type);
    service.database().execute(
        "INSERT INTO events (type, audience, subject, data) VALUES ('task.created', 'public', "
        "'/y/1', '1')");
    service.database().wait_for_feed();
    EXPECT_TEXT(list(service, "?types=task.*").types, "task.created task.deleted task.created");
    EXPECT_TEXT(list(service, "?types=task.deleted,job.f*").types, "task.deleted job.failed");
    EXPECT_TEXT(list(service, "?types=*&subject=/y/*").types, "task.created");
    EXPECT_TEXT(list(service, "?types=task.*&subject=/x").types, "task.created task.deleted");
    EXPECT_TEXT(list(service, "?types=note.*").types, "");
    // A page has the first `limit` of those that the filter accepts.
    const auto first = list(service, "?types=task.*&limit=2");
    EXPECT_TEXT(first.types, "task.created task.deleted");
    const auto second = list(service, "?types=task.*&limit=2&after=" + first.next_cursor);
    EXPECT_TEXT(second.types, "task.created");
    EXPECT_TEXT(list(service, "?after=" + second.next_cursor).types, "");
    for (const char* types : {"a,,b", ",", "*x"})
        expect_detail(service.send({.target = path + "?types=" + types}), "query.types",
                      "value_error");
    expect_detail(service.send({.target = path + "?types="}), "query.types", "string_too_short");
    expect_detail(service.send({.target = path + "?subject="}), "query.subject",
                  "string_too_short");
    expect_detail(service.send({.target = path + "?subject=*x"}), "query.subject", "value_error");
}

ON_BOTH_ENGINES(events, are_looked_at_a_thousand_at_a_time) {
    write_noise(service, 1999);
    write(service, "public", "wanted");
    const auto first = list(service, "?types=wanted");
    EXPECT_TEXT(first.types, "");
    EXPECT_TEXT(list(service, "?limit=1&after=" + first.next_cursor).types, "noise");
    const auto second = list(service, "?types=wanted&after=" + first.next_cursor);
    EXPECT_TEXT(second.types, "wanted");
    EXPECT_TEXT(list(service, "?after=" + second.next_cursor).types, "");
}

// The last of the thousand that a page looks at ends it, whether the filter accepts it or not.
ON_BOTH_ENGINES(events, end_a_filtered_page_where_its_thousand_end) {
    for (const bool is_last_wanted : {true, false}) {
        service.database().execute("DELETE FROM events");
        const auto start = list(service, "").next_cursor;
        if (!is_last_wanted) write(service, "public", "wanted");
        write_noise(service, 999);
        if (is_last_wanted) write(service, "public", "wanted");
        const auto whole = list(service, "?types=wanted&after=" + start);
        EXPECT_TEXT(whole.types, "wanted");
        EXPECT_TEXT(list(service, "?after=" + whole.next_cursor).types, "");
        write(service, "public", "next");
        const auto again = list(service, "?types=wanted&after=" + start);
        EXPECT_TEXT(again.types, "wanted");
        EXPECT_TEXT(list(service, "?after=" + again.next_cursor).types, "next");
        EXPECT_TEXT(list(service, "?types=wanted&limit=1&after=" + start).next_cursor,
                    again.next_cursor);
    }
}

// The cursor of a page that ends early is that of its last event, not of the last one looked at.
ON_BOTH_ENGINES(events, end_a_filtered_page_at_its_limit) {
    for (const char* type : {"wanted", "noise", "wanted", "noise", "wanted", "noise"})
        write(service, "public", type);
    const auto first = list(service, "?types=wanted&limit=2");
    EXPECT_TEXT(first.types, "wanted wanted");
    EXPECT_TEXT(list(service, "?after=" + first.next_cursor).types, "noise wanted noise");
    // The last page contains everything, also what follows its last event.
    const auto second = list(service, "?types=wanted&limit=1&after=" + first.next_cursor);
    EXPECT_TEXT(second.types, "wanted");
    const auto none = list(service, "?types=none");
    EXPECT_TEXT(none.types, "");
    write(service, "public", "next");
    for (const auto& page : {second, none})
        EXPECT_TEXT(list(service, "?after=" + page.next_cursor).types, "next");
}

// Six of these events exceed a page's 256 KiB. What a filter leaves out has no share in that.
ON_BOTH_ENGINES(events, end_a_filtered_page_before_it_is_too_large) {
    for (int i = 0; i < 8; ++i)
        for (const char* type : {"large", "wanted"})
            service.database().execute(
                "INSERT INTO events (type, audience, subject, data) VALUES ('" + std::string{type} +
                "', 'public', '/x', '\"" + std::string(50'000, 'x') + "\"')");
    service.database().wait_for_feed();
    const auto first = list(service, "?types=wanted");
    EXPECT_TEXT(first.types, "wanted wanted wanted wanted wanted");
    EXPECT_TEXT(list(service, "?limit=2&after=" + first.next_cursor).types, "large wanted");
    const auto second = list(service, "?types=wanted&after=" + first.next_cursor);
    EXPECT_TEXT(second.types, "wanted wanted wanted");
    EXPECT_TEXT(list(service, "?after=" + second.next_cursor).types, "");
}

ON_BOTH_ENGINES(events, are_filtered_among_those_of_all_audiences) {
    for (const char* audience : {"jobs", "user:ann", "user:bob", "public", "jobs", "user:ann"})
        write(service, audience, "wanted");
    write(service, "public", "noise");
    Identity both{ann, ""};
    both.api_key = service.context().api_keys.verify(api_key, {});
    const auto ticket = "&ticket=" + service.context().tokens.issue_ticket(both);
    const auto first = list(service, "?types=wanted&limit=3" + ticket);
    EXPECT_TEXT(first.types, "wanted wanted wanted");
    const auto second = list(service, "?types=wanted&after=" + first.next_cursor + ticket);
    EXPECT_TEXT(second.types, "wanted wanted");
    EXPECT_TEXT(list(service, "?after=" + second.next_cursor + ticket).types, "");
    EXPECT_TEXT(list(service, "?types=wanted").types, "wanted");
}

// --- BOARD_PUBLIC=off

ON_BOTH_ENGINES(events, need_a_token_if_the_board_is_not_public) {
    service.config().board_public = false;
    write(service, "public", "public");
    write(service, "user:ann", "anns");
    write(service, "jobs", "jobs");
    expect_error(service.send({.target = path}), Error::auth_required);
    expect_error(service.send({.target = path, .authorization = "Bearer x"}), Error::invalid_token);
    EXPECT_TEXT(list(service, "", with_user(service, ann)).types, "public anns");
    EXPECT_TEXT(list(service, "", {.api_key = api_key}).types, "jobs");
    auto both = with_user(service, ann);
    both.api_key = api_key;
    EXPECT_TEXT(list(service, "", both).types, "public anns jobs");
    Identity worker;
    worker.api_key = service.context().api_keys.verify(api_key, {});
    const auto& tokens = service.context().tokens;
    EXPECT_TEXT(list(service, "?ticket=" + tokens.issue_ticket(worker)).types, "jobs");
    EXPECT_TEXT(list(service, "?ticket=" + tokens.issue_ticket({ann, ""})).types, "public anns");
}

// --- POST

ON_BOTH_ENGINES(events, take_notes) {
    const auto response = service.send(service.with_token(
        "POST", path, R"({"event":" hello ","target":"/x","details":{"b":[1,"é\n"],"a":null}})"));
    cr_assert_eq(response.status(), 200, "%s", std::string{response.body()}.c_str());
    const auto body = json_of(response);
    cr_expect(body["ok"].IsTrue());
    EXPECT_TEXT(service.database().execute("SELECT type FROM events"), "note.hello");
    EXPECT_TEXT(service.database().execute("SELECT audience FROM events"), "public");
    EXPECT_TEXT(service.database().execute("SELECT subject FROM events"), "/x");
    EXPECT_TEXT(service.database().execute("SELECT data FROM events"),
                R"({"a":null,"b":[1,"é\n"]})");
    service.database().wait_for_feed();
    const auto listed = service.send({.target = path});
    EXPECT_TEXT(member(json_of(listed)["events"][0], "id"), member(body, "id"));
}

ON_BOTH_ENGINES(events, take_notes_without_details) {
    const auto response =
        service.send(service.with_token("POST", path, R"({"event":"x","target":"y"})"));
    cr_assert_eq(response.status(), 200);
    EXPECT_TEXT(service.database().execute("SELECT data FROM events"), "null");
}

ON_BOTH_ENGINES(events, keep_whole_numbers_or_refuse_them) {
    const auto send = [&](const std::string& details) {
        return service.send(service.with_token(
            "POST", path, R"({"event":"x","target":"y","details":)" + details + "}"));
    };
    expect_refuses_inexact_integers("body.details", send);
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM events"), "0");
    for (const auto& [sent, kept] : kept_numbers) {
        const auto posted = send(sent);
        cr_assert_eq(posted.status(), 200, "%s: %s", sent, shown(posted.body()).c_str());
        EXPECT_TEXT(service.database().execute("SELECT data FROM events ORDER BY id DESC LIMIT 1"),
                    kept);
    }
}

ON_BOTH_ENGINES(events, refuse_bad_notes) {
    struct Bad {
        std::string body;
        const char* location;
        const char* type;
    };
    const Bad cases[] = {
        {R"({"target":"y"})", "body.event", "missing"},
        {R"({"event":"x"})", "body.target", "missing"},
        {R"({"event":"","target":"y"})", "body.event", "string_too_short"},
        {R"({"event":"a b","target":"y"})", "body.event", "value_error"},
        {R"({"event":"a\nid: 1","target":"y"})", "body.event", "value_error"},
        {R"({"event":"x","target":"y","details":")" + std::string(20'000, 'a') + R"("})",
         "body.details", "too_long"},
    };
    for (const auto& [body, location, type] : cases)
        expect_detail(service.send(service.with_token("POST", path, body)), location, type);
    expect_error(service.send({.method = "POST",
                               .target = path,
                               .body = R"({"event":"x","target":"y"})",
                               .content_type = "application/json"}),
                 Error::auth_required);
    EXPECT_TEXT(service.database().execute("SELECT count(*) FROM events"), "0");
}

ON_BOTH_ENGINES(events, limits_notes) {
    expect_limits_writes(service,
                         service.with_token("POST", path, R"({"event":"x","target":"y"})"));
}

ON_BOTH_ENGINES(events, take_a_note_once_for_a_key) {
    expect_created_once(
        service,
        service.with_token("POST", path, R"({"event":"x","target":"y","details":{"b":1,"a":2}})"),
        R"({"event":"x","target":"y","details":{"a":2}})", "events",
        "UPDATE events SET subject = 'changed'", "DELETE FROM events");
}
