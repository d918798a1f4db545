#include "shared/http/stream.hpp"
#include "tests/support/service.hpp"

namespace {

const std::string path = "/events/tail";

// Collects what is written, and ends once it contains `enough`.
class Collected final : public Stream {
public:
    Collected(Loop& loop, std::string enough) : Stream{loop}, enough_(std::move(enough)) {}

    Async<> write(std::string_view bytes) override {
        text_ += bytes;
        if (text_.find(enough_) != text_.npos) end();
        co_return;
    }
    void abort() override { end(); }

    const std::string& text() const { return text_; }

private:
    std::string text_;
    std::string enough_;
};

void write_event(Service& service, const std::string& audience, const std::string& type) {
    service.database().execute("INSERT INTO events (type, audience, subject, data) VALUES ('" +
                               type + "', '" + audience + "', '/x', '{\"a\":1}')");
    service.database().wait_for_feed();
}

// Returns the output of a stream up to `enough`.
std::string read(Service& service, const Response& response, const std::string& enough) {
    cr_assert_eq(response.status(), 200, "%s", std::string{response.body()}.c_str());
    cr_assert(response.stream() != nullptr);
    Collected stream{service.loop(), enough};
    bool has_ended = false;
    spawn(service.loop(), response.stream()(stream), [&](const std::exception_ptr& failure) {
        rethrow(failure);
        has_ended = true;
    });
    service.loop().restart();
    while (!has_ended && service.loop().run_one() > 0) continue;
    return stream.text();
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

ON_BOTH_ENGINES(events_tail, streams_what_is_kept) {
    write_event(service, "public", "one");
    write_event(service, "user:ann", "anns");
    write_event(service, "public", "two");
    const auto response = service.send({.target = path + "?after=0"});
    EXPECT_TEXT(std::string{response.header("Content-Type")}, "text/event-stream");
    EXPECT_TEXT(std::string{response.header("X-Accel-Buffering")}, "no");
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-store");
    const auto text = read(service, response, "event: two");
    cr_expect(text.starts_with(": connected\nretry: 3000\nid: "), "%s", text.c_str());
    cr_expect(holds(text, "\nevent: one\ndata: {\"audience\":\"public\","), "%s", text.c_str());
    cr_expect(text.find("event: one") < text.find("event: two"));
    cr_expect(!holds(text, "anns"), "%s", text.c_str());
}

// JSON may contain a line break, which would end a line of the stream.
ON_BOTH_ENGINES(events_tail, writes_data_in_one_line) {
    service.database().execute(
        "INSERT INTO events (type, audience, subject, data) VALUES ('one', 'public', '/x', "
        "'{\"a\":\n\r[]}')");
    const auto response = service.send({.target = path + "?after=0"});
    const auto text = read(service, response, "event: one");
    cr_expect(holds(text, "\"data\":{\"a\":  []}"), "%s", text.c_str());
}

ON_BOTH_ENGINES(events_tail, begins_anew_behind_an_unknown_cursor) {
    write_event(service, "public", "one");
    for (const char* query : {"?after=x", "?after=999999999-1", "?after="}) {
        const auto response = service.send({.target = path + query});
        const auto text = read(service, response, "event: reset");
        cr_expect(holds(text, "\nevent: reset\ndata: {"), "%s: %s", query, text.c_str());
        cr_expect(!holds(text, "event: one"), "%s: %s", query, text.c_str());
    }
}

ON_BOTH_ENGINES(events_tail, begins_anew_behind_a_cursor_of_another_history) {
    write_event(service, "public", "one");
    const auto before = read(service, service.send({.target = path + "?after=0"}), "event: one");
    const auto at = before.rfind("\nid: ") + 5;
    const auto cursor = before.substr(at, before.find('\n', at) - at);
    cr_expect_eq(cursor.size() - cursor.rfind('-'), 9, "%s", cursor.c_str());
    cr_expect(!holds(read(service, service.send({.target = path + "?after=" + cursor}), "id: "),
                     "event: reset"));
    service.database().execute("INSERT INTO feed_epoch DEFAULT VALUES");
    cr_expect(holds(read(service, service.send({.target = path + "?after=" + cursor}), "id: "),
                    "\nevent: reset\n"));
}

// EventSource passes events without a name to `onmessage`.
ON_BOTH_ENGINES(events_tail, leaves_out_the_names_on_request) {
    write_event(service, "public", "one");
    const auto text =
        read(service, service.send({.target = path + "?after=0&event_names=off"}), "\"one\"");
    cr_expect(holds(text, "\ndata: {\"audience\":\"public\","), "%s", text.c_str());
    cr_expect(!holds(text, "event:"), "%s", text.c_str());
    const auto lost =
        read(service, service.send({.target = path + "?after=x&event_names=off"}), "reset");
    cr_expect(holds(lost, "\ndata: {\"reason\":"), "%s", lost.c_str());
    cr_expect(holds(lost, ",\"type\":\"reset\"}\n"), "%s", lost.c_str());
    cr_expect(!holds(lost, "event:"), "%s", lost.c_str());
    // Both kinds share the process's feed.
    const auto named =
        read(service, service.send({.target = path + "?after=0&event_names=on"}), "\"one\"");
    cr_expect(holds(named, "\nevent: one\n"), "%s", named.c_str());
    for (const char* value : {"", "OFF", "no"})
        cr_expect_eq(service.send({.target = path + "?event_names=" + value}).status(), 422);
}

ON_BOTH_ENGINES(events_tail, filters_by_type_and_subject) {
    for (const char* type : {"a.1", "b.1", "a.2", "b.2"}) write_event(service, "public", type);
    const auto text =
        read(service, service.send({.target = path + "?after=0&types=b.*&subject=/x"}), "b.2");
    cr_expect(holds(text, "event: b.1\n"), "%s", text.c_str());
    cr_expect(!holds(text, "event: a."), "%s", text.c_str());
    expect_detail(service.send({.target = path + "?types=a,"}), "query.types", "value_error");
    expect_detail(service.send({.target = path + "?subject="}), "query.subject",
                  "string_too_short");
}

// What a filter leaves out for long is told as a position.
ON_BOTH_ENGINES(events_tail, tells_the_position_among_events_left_out) {
    service.database().execute(
        "INSERT INTO events (type, audience, subject, data) WITH RECURSIVE n(i) AS (SELECT 1 UNION "
        "ALL SELECT i + 1 FROM n WHERE i < 1001) SELECT 'noise', 'public', '/x', '1' FROM n");
    service.database().wait_for_feed();
    const auto text =
        read(service, service.send({.target = path + "?after=0&types=wanted"}), "\n\nid: ");
    const auto at = text.rfind("\n\nid: ") + 6;
    const auto cursor = text.substr(at, text.find('\n', at) - at);
    cr_expect(text.ends_with(cursor + "\n\n"), "%s", text.c_str());
    // One event comes after it.
    const auto rest = read(service, service.send({.target = path + "?after=" + cursor}), "noise");
    cr_expect(holds(rest, "event: noise"), "%s", rest.c_str());
    write_event(service, "public", "wanted");
    const auto last =
        read(service, service.send({.target = path + "?types=wanted&after=" + cursor}), "wanted");
    cr_expect(holds(last, "event: wanted"), "%s", last.c_str());
}

ON_BOTH_ENGINES(events_tail, needs_a_token_if_the_board_is_not_public) {
    service.config().board_public = false;
    write_event(service, "public", "one");
    write_event(service, "jobs", "two");
    expect_error(service.send({.target = path}), Error::auth_required);
    const auto board = read(
        service,
        service.send({.target = path + "?after=0", .authorization = service.bearer("ann")}), "one");
    cr_expect(holds(board, "event: one"), "%s", board.c_str());
    const auto jobs =
        read(service, service.send({.target = path + "?after=0", .api_key = api_key}), "two");
    cr_expect(!holds(jobs, "event: one"), "%s", jobs.c_str());
}

ON_BOTH_ENGINES(events_tail, has_no_body_for_head) {
    const auto response = service.send({.method = "HEAD", .target = path});
    cr_expect_eq(response.status(), 200);
    cr_expect(response.stream() == nullptr);
    cr_expect_eq(cgi_head(response).find("Content-Length"), std::string::npos);
}

ON_BOTH_ENGINES(events_tail, refuses_what_proves_nothing) {
    expect_error(service.send({.target = path, .authorization = "Bearer x"}), Error::invalid_token);
    expect_error(service.send({.target = path, .api_key = "x"}), Error::invalid_api_key);
    expect_error(service.send({.target = path + "?ticket=x"}), Error::invalid_token);
    expect_detail(service.send({.target = path + "?after=0&after=1"}), "query.after",
                  "value_error");
}

// The feed outlives the request that opened it.
ON_BOTH_ENGINES(events_tail, refuses_the_token_of_an_account_that_is_gone) {
    write_event(service, "user:ann", "anns");
    const Sent sent{.target = path + "?after=0", .authorization = service.bearer("ann")};
    const auto first = service.send(sent);
    cr_expect(holds(read(service, first, "event: anns"), "event: anns"));
    const auto second = service.send(sent);
    cr_expect(holds(read(service, second, "event: anns"), "event: anns"));
    service.database().execute("DELETE FROM users");
    expect_error(service.send(sent), Error::invalid_token);
    auto head = sent;
    head.method = "HEAD";
    cr_expect_eq(service.send(head).status(), 401);
}

Test(events_tail, is_unavailable_without_a_database) {
    Service service{endpoint(), "postgresql://nobody@127.0.0.1:1/nothing"};
    expect_error(service.send({.target = path}), Error::service_unavailable);
}

// A place is free as soon as the stream has ended, or was never written.
ON_BOTH_ENGINES(events_tail, limits_the_streams_of_one_reader) {
    service.config().max_streams_per_user = 2;
    const Sent of_user{.target = path, .authorization = service.bearer()};
    const Sent of_key{.target = path, .api_key = api_key};
    for (const auto& sent : {of_user, of_key}) {
        std::vector<Response> open;
        for (int i = 0; i < 2; ++i) {
            open.push_back(service.send(sent));
            cr_expect_eq(open.back().status(), 200);
        }
        const auto refused = service.send(sent);
        expect_error(refused, Error::rate_limited);
        EXPECT_TEXT(refused.header("Retry-After"), "10");
        Sent bad = sent;
        bad.target += "?after=1&after=2";
        cr_expect_eq(service.send(bad).status(), 422);
        cr_expect(holds(read(service, open.back(), "retry"), "retry"));
        open.pop_back();
        open.push_back(service.send(sent));
        cr_expect_eq(open.back().status(), 200);
        expect_error(service.send(sent), Error::rate_limited);
        Sent of_another = of_user;
        of_another.authorization = service.bearer("another user");
        cr_expect_eq(service.send(of_another).status(), 200);
    }
    std::vector<Response> open;
    for (int i = 0; i < 5; ++i) {
        open.push_back(service.send({.target = path}));
        cr_expect_eq(open.back().status(), 200);
    }
    service.config().max_streams_per_user.reset();
    for (int i = 0; i < 5; ++i) {
        open.push_back(service.send(of_user));
        cr_expect_eq(open.back().status(), 200);
    }
}

// A key and its tickets are one reader; another key is another one.
ON_BOTH_ENGINES(events_tail, counts_a_key_and_its_tickets_together) {
    service.config().max_streams_per_user = 2;
    const auto ticket_of = [&](const std::string& key) {
        Identity bearer;
        bearer.api_key = service.context().api_keys.verify(key, {});
        return Sent{.target = path + "?ticket=" + service.context().tokens.issue_ticket(bearer)};
    };
    const Sent with_key{.target = path, .api_key = api_key};
    const auto with_ticket = ticket_of(api_key);
    for (const auto& [first, second] :
         {std::pair{with_key, with_ticket}, {with_ticket, with_key}}) {
        const auto one = service.send(first);
        const auto two = service.send(second);
        cr_expect_eq(one.status(), 200);
        cr_expect_eq(two.status(), 200);
        expect_error(service.send(with_key), Error::rate_limited);
        expect_error(service.send(with_ticket), Error::rate_limited);
        cr_expect_eq(service.send(ticket_of(other_api_key)).status(), 200);
    }
}
