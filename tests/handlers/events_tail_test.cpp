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
