#include "shared/http/request.hpp"

#include <stdexcept>

#include "tests/support/expect.hpp"

namespace {

struct Note {
    std::string text;

    static consteval auto fields() {
        return std::tuple{json::field("text", &Note::text).length(1, 5)};
    }
};

Request request_with(const RawRequest& raw, PathParameters parameters = {}) {
    return {raw, Method::patch, std::move(parameters), {}};
}

}  // namespace

Test(request, shows_what_came_in) {
    RawRequest raw;
    raw.target = "/collab/tasks/1?x=%2F";
    raw.if_match = "*";
    raw.if_none_match = "\"b\"";
    const Request request{raw, Method::patch, {}, {.user_id = "ann", .email = "ann@example.org"}};
    cr_expect(request.method() == Method::patch);
    EXPECT_TEXT(request.path(), "/collab/tasks/1");
    cr_expect_not(request.condition().tags.has_value());
    EXPECT_TEXT(request.identity().user_id, "ann");
    EXPECT_TEXT(request.identity().email, "ann@example.org");
}

Test(request, knows_whether_a_write_needs_if_match) {
    RawRequest raw;
    const auto needing = [&] {
        return Request{raw, Method::patch, {}, {}, nullptr, IfMatch::required}.condition();
    };
    cr_expect(needing().refusal == Error::precondition_required && needing().tags == "");
    cr_expect_not(request_with(raw).condition().tags.has_value());
    raw.if_none_match = "*";
    cr_expect(request_with(raw).condition().tags == "");
    raw.if_match = "*";
    cr_expect(needing().refusal == Error::precondition_failed);
}

Test(request, collects_headers_for_the_answer) {
    const RawRequest raw;
    Headers headers;
    const Request request{raw, Method::get, {}, {}, &headers};
    request.add_header("RateLimit", "r=1");
    for (const std::string bad : {"a\r\nSet-Cookie: x", "\n", "\x7f"})
        cr_expect(throws<std::invalid_argument>([&] { request.add_header("X", bad); }));
    cr_assert_eq(headers.size(), 1u);
    EXPECT_TEXT(headers[0].first, "RateLimit");
    EXPECT_TEXT(headers[0].second, "r=1");
    request_with(raw).add_header("RateLimit", "nobody asks");
}

Test(request, knows_method_names_by_case) {
    for (const auto method :
         {Method::get, Method::post, Method::put, Method::patch, Method::delete_})
        cr_expect(parse_method(name_of(method)) == method, "%s", name_of(method).data());
    EXPECT_TEXT(name_of(Method::delete_), "DELETE");
    for (const std::string_view name : {"", "get", "Get", "GET ", " GET", "GETS", "HEAD", "OPTIONS",
                                        "TRACE", "CONNECT", "delete_", "DELETE_"})
        cr_expect_not(parse_method(name).has_value(), "%s", name.data());
}

Test(request, gives_path_parameters_by_name) {
    const RawRequest raw;
    const auto request = request_with(raw, {{"user_id", "ann"}, {"id", "7"}, {"empty", ""}});
    EXPECT_TEXT(request.parameter("user_id"), "ann");
    EXPECT_TEXT(request.parameter("id"), "7");
    EXPECT_TEXT(request.parameter("empty"), "");
    for (const std::string_view name : {"", "ID", "user", "id "})
        cr_expect(throws<std::logic_error>([&] { request.parameter(name); }), "%s", name.data());
}

Test(request, gives_uuids_or_says_which_is_none) {
    const RawRequest raw;
    const auto request = request_with(
        raw, {{"id", "00112233-4455-6677-8899-AABBCCDDEEFF"}, {"bad", "42"}, {"empty", ""}});
    EXPECT_TEXT(request.uuid("id").text(), "00112233-4455-6677-8899-aabbccddeeff");
    EXPECT_TEXT(refusal([&] { request.uuid("bad"); }),
                "path/bad: Input should be a valid UUID (uuid_parsing)");
    EXPECT_TEXT(refusal([&] { request.uuid("empty"); }),
                "path/empty: Input should be a valid UUID (uuid_parsing)");
    cr_expect(throws<std::logic_error>([&] { request.uuid("absent"); }));
}

Test(request, reads_its_body) {
    const auto read = [](std::string_view body) {
        RawRequest raw;
        raw.body = body;
        return request_with(raw).body<Note>().text;
    };
    EXPECT_TEXT(read(R"({"text":"abc"})"), "abc");
    EXPECT_TEXT(refusal([&] { read(R"({"text":"","more":1})"); }),
                "body/more: Extra inputs are not permitted (extra_forbidden)\n"
                "body/text: String should have at least 1 character (string_too_short)");
    // An empty body is read as an empty object, for operations whose body is optional.
    EXPECT_TEXT(refusal([&] { read({}); }), "body/text: Field required (missing)");
}

// https://www.w3.org/TR/trace-context-1/#traceparent-header
Test(request, takes_the_trace_id_of_a_valid_traceparent_only) {
    const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
    const std::string valid = "00-" + id + "-00f067aa0ba902b7-01";
    EXPECT_TEXT(trace_id_of(valid), id);
    EXPECT_TEXT(trace_id_of("00-" + id + "-00f067aa0ba902b7-ff"), id);
    EXPECT_TEXT(trace_id_of("cc-" + id + "-00f067aa0ba902b7-01"), id);
    EXPECT_TEXT(trace_id_of("cc-" + id + "-00f067aa0ba902b7-01-what-the-future-holds"), id);
    for (const std::string& invalid :
         {std::string{}, "00-" + id, valid + "-more", valid + "0",
          "ff-" + id + "-00f067aa0ba902b7-01", "cc-" + id + "-00f067aa0ba902b7-01x",
          "00-" + std::string(32, '0') + "-00f067aa0ba902b7-01",
          "00-" + id + "-0000000000000000-01",
          "00-" + std::string{"4BF92F3577B34DA6A3CE929D0E0E4736"} + "-00f067aa0ba902b7-01",
          "0g-" + id + "-00f067aa0ba902b7-01", "00-" + id + "-00f067aa0ba902b7-0g",
          "00_" + id + "-00f067aa0ba902b7-01", "00-" + id + "_00f067aa0ba902b7-01",
          "00-" + id + "-00f067aa0ba902b7_01", " " + valid, valid + " ", valid + ", " + valid})
        EXPECT_TEXT(trace_id_of(invalid), "");
}
