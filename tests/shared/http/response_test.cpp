#include "shared/http/response.hpp"
#include "shared/digest.hpp"

#include <stdexcept>

#include "shared/http/conditional.hpp"
#include "tests/support/expect.hpp"

using namespace std::string_view_literals;

namespace {

struct Sample {
    std::string text = "a\n";
    std::int64_t count = 1;

    static consteval auto fields() {
        return std::tuple{json::field("text", &Sample::text), json::field("count", &Sample::count)};
    }
};

constexpr auto body = R"({"count":1,"text":"a\n"})";

}  // namespace

Test(response, ok_holds_canonical_json) {
    const auto response = Response::ok(Sample{});
    cr_expect_eq(response.status(), 200);
    EXPECT_TEXT(response.body(), body);
    EXPECT_TEXT(response.etag(), "");
    EXPECT_TEXT(cgi_head(response), "Status: 200 OK\r\nContent-Length: 24\r\n\r\n");
}

Test(response, created_says_where) {
    const auto response = Response::created("/collab/tasks/1", Sample{});
    cr_expect_eq(response.status(), 201);
    EXPECT_TEXT(response.body(), body);
    EXPECT_TEXT(cgi_head(response),
                "Status: 201 Created\r\nLocation: /collab/tasks/1\r\nContent-Length: 24\r\n\r\n");
}

Test(response, no_content_has_no_length) {
    const auto response = Response::no_content();
    EXPECT_TEXT(response.body(), "");
    EXPECT_TEXT(cgi_head(response), "Status: 204 No Content\r\n\r\n");
}

Test(response, etag_is_that_of_the_sent_bytes) {
    auto response = Response::ok(Sample{});
    response.tag();
    EXPECT_TEXT(response.etag(), entity_tag(response.body()));
    EXPECT_TEXT(cgi_head(response),
                "Status: 200 OK\r\nETag: " + entity_tag(body) + "\r\nContent-Length: 24\r\n\r\n");
    const auto shared = std::make_shared<const std::string>("[1]");
    auto cached = Response::cached(shared, "\"old\"");
    cached.tag();
    EXPECT_TEXT(cached.etag(), entity_tag("[1]"));
}

Test(response, cached_shares_its_body) {
    const auto shared = std::make_shared<const std::string>("[1,2]");
    auto response = Response::cached(shared, "\"x\"");
    cr_expect_eq(response.status(), 200);
    cr_expect_eq(response.body().data(), shared->data());
    EXPECT_TEXT(cgi_head(response), "Status: 200 OK\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\n");
    response.drop_body();
    EXPECT_TEXT(response.body(), "");
    cr_expect_eq(shared.use_count(), 1);
    EXPECT_TEXT(*shared, "[1,2]");
}

Test(response, body_stays_with_a_moved_response) {
    auto first = Response{200, "short"}.with("A", "b");
    const auto second = std::move(first);
    EXPECT_TEXT(second.body(), "short");
    EXPECT_TEXT(second.header("A"), "b");
}

// RFC 9110, section 15.4.5.
Test(response, not_modified_keeps_headers_and_drops_the_body) {
    auto response = Response::ok(Sample{}).with("Vary", "Origin");
    response.tag();
    response.make_not_modified();
    cr_expect_eq(response.status(), 304);
    EXPECT_TEXT(response.body(), "");
    EXPECT_TEXT(cgi_head(response), "Status: 304 Not Modified\r\nVary: Origin\r\nETag: " +
                                        entity_tag(body) + "\r\n\r\n");
    cr_expect_eq(response.content_length(), 0u);
    auto cached = Response::cached(std::make_shared<const std::string>("[]"), "\"x\"");
    cached.make_not_modified();
    EXPECT_TEXT(cached.body(), "");
    EXPECT_TEXT(cgi_head(cached), "Status: 304 Not Modified\r\nETag: \"x\"\r\n\r\n");
}

// RFC 9110, section 9.3.2.
Test(response, head_keeps_the_length_of_the_body) {
    auto response = Response::ok(Sample{});
    response.tag();
    const auto head = cgi_head(response);
    response.drop_body();
    EXPECT_TEXT(response.body(), "");
    EXPECT_TEXT(cgi_head(response), head);
    auto empty = Response{200, ""};
    EXPECT_TEXT(cgi_head(empty), "Status: 200 OK\r\nContent-Length: 0\r\n\r\n");
}

Test(response, set_replaces_a_header) {
    auto response = Response::no_content().with("A", "1").with("B", "2");
    response.set("A", "3");
    EXPECT_TEXT(response.header("A"), "3");
    EXPECT_TEXT(response.header("B"), "2");
    EXPECT_TEXT(response.header("C"), "");
    EXPECT_TEXT(cgi_head(response), "Status: 204 No Content\r\nA: 3\r\nB: 2\r\n\r\n");
}

Test(response, refuses_to_inject_headers) {
    for (const std::string_view value :
         {"a\r\nX: y"sv, "a\nX: y"sv, "a\rX: y"sv, "\r\n\r\n<html>"sv, "a\0b"sv, "a\tb"sv,
          "a\x7f"sv, "a\x1f"sv, "\n"sv}) {
        auto response = Response::no_content().with("X-Request-ID", "good");
        cr_expect(throws<std::invalid_argument>(
                      [&] { response.set("X-Request-ID", std::string{value}); }),
                  "%s", shown(value).c_str());
        cr_expect(
            throws<std::invalid_argument>([&] { response.set("Location", std::string{value}); }));
        cr_expect(throws<std::invalid_argument>(
            [&] { Response::created(std::string{value}, Sample{}); }));
        EXPECT_TEXT(cgi_head(response), "Status: 204 No Content\r\nX-Request-ID: good\r\n\r\n");
    }
    for (const std::string_view name : {"X\r\nY"sv, "X\n"sv, "\0"sv})
        cr_expect(throws<std::invalid_argument>([&] { Response::no_content().with(name, "a"); }),
                  "%s", shown(name).c_str());
    // Characters beyond ASCII are not control characters.
    EXPECT_TEXT(Response::no_content().with("A", "\u00e9").header("A"), "\u00e9");
}

Test(response, has_a_reason_for_every_registered_status) {
    for (const auto& error : error_registry())
        EXPECT_TEXT(cgi_head(Response{error.status, ""}),
                    "Status: " + std::to_string(error.status) + " " + std::string{error.title} +
                        "\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TEXT(cgi_head(Response{404, "{}"}),
                "Status: 404 Not Found\r\nContent-Length: 2\r\n\r\n");
    EXPECT_TEXT(cgi_head(Response{422, ""}),
                "Status: 422 Unprocessable Content\r\nContent-Length: 0\r\n\r\n");
}

Test(response, wraps_its_body) {
    auto response = Response::ok(Sample{});
    response.wrap("a \"message\"");
    EXPECT_TEXT(response.body(), std::string{R"({"data":)"} + body +
                                     R"(,"message":"a \"message\"","success":true})");
    cr_expect_eq(response.content_length(), response.body().size());
    auto silent = Response::ok(Sample{});
    silent.wrap("");
    EXPECT_TEXT(silent.body(),
                std::string{R"({"data":)"} + body + R"(,"message":null,"success":true})");
}

Test(response, wraps_what_others_share) {
    const auto shared = std::make_shared<const std::string>("[1]");
    auto response = Response::cached(shared, "\"x\"");
    response.wrap("");
    EXPECT_TEXT(response.body(), R"({"data":[1],"message":null,"success":true})");
    EXPECT_TEXT(response.etag(), "\"x\"");
    EXPECT_TEXT(*shared, "[1]");
}

// The ETag covers the requested data, without the envelope.
Test(response, etag_is_that_of_what_is_wrapped) {
    auto response = Response::ok(Sample{});
    response.tag();
    response.wrap("message");
    EXPECT_TEXT(response.etag(), entity_tag(body));
}

Test(response, a_page_says_where_it_lies) {
    auto response = Response::list("[1]", {9, 1, 2, true, "abc"});
    cr_expect_eq(response.status(), 200);
    EXPECT_TEXT(response.body(), "[1]");
    constexpr auto pagination =
        R"({"has_more":true,"limit":1,"next_cursor":"abc","offset":2,"total":9})";
    response.tag();
    EXPECT_TEXT(response.etag(), entity_tag(std::string{"[1]"} + pagination));
    response.wrap("");
    EXPECT_TEXT(response.body(), std::string{R"({"data":[1],"message":null,"pagination":)"} +
                                     pagination + R"(,"success":true})");
}
