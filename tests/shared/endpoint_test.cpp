#include "shared/endpoint.hpp"

#include "tests/support/expect.hpp"

namespace {

struct Note {
    std::string text;

    static consteval auto fields() { return std::tuple{json::field("text", &Note::text)}; }
};

Async<Response> answer(const Request&, Context&) { co_return Response::no_content(); }

constexpr auto note_schema =
    R"({"additionalProperties":false,"properties":{"text":{"type":"string"}},"required":["text"],"type":"object"})";

// The errors in the description of one operation.
std::string errors_of(Operation operation) {
    const auto text =
        describe({.path = "/", .family = Family::api, .operations = {std::move(operation)}}, "x");
    return json::canonical(json::parse(text)["operations"][0]["errors"]);
}

}  // namespace

Test(endpoint, describes_itself) {
    const Endpoint declared{.path = "/notes/{id}",
                            .family = Family::orchestrator,
                            .operations = {
                                {.method = Method::get,
                                 .handler = answer,
                                 .summary = "One \"note\"",
                                 .answer = {200, schema_of<Note>, true},
                                 .errors = {Error::not_found}},
                                {.method = Method::patch,
                                 .handler = answer,
                                 .auth = Auth::user,
                                 .summary = "Change it",
                                 .request_schema = schema_of<Note>,
                                 .answer = {204, nullptr},
                                 .needs_if_match = true},
                            }};
    const auto text = describe(declared, "notes");
    EXPECT_TEXT(
        text,
        std::string{R"({"allow":"GET, HEAD, PATCH, OPTIONS",)"} +
            R"("family":"orchestrator","name":"notes","operations":[{)" +
            R"("answer":{"etag":true,"schema":)" + note_schema + R"(,"status":200},)" +
            R"("auth":"none","errors":["not_found","internal_error","service_unavailable"],)" +
            R"("if_match":false,"method":"GET","request":null,"summary":"One \"note\""},{)" +
            R"("answer":{"etag":false,"schema":null,"status":204},"auth":"user",)" +
            R"("errors":["auth_required","invalid_token","precondition_failed",)" +
            R"("payload_too_large","unsupported_media_type","validation_error",)" +
            R"("precondition_required","internal_error","service_unavailable"],)" +
            R"("if_match":true,"method":"PATCH","request":)" + note_schema +
            R"(,"summary":"Change it"}],"path":"/notes/{id}"})");
    EXPECT_TEXT(json::canonical(json::parse(text)), text);
}

Test(endpoint, names_its_family) {
    static constexpr struct {
        Family family;
        const char* name;
    } cases[] = {
        {Family::probe, "probe"}, {Family::orchestrator, "orchestrator"}, {Family::api, "api"}};
    for (const auto& [family, name] : cases)
        EXPECT_TEXT(describe({.path = "/", .family = family, .operations = {}}, "root"),
                    std::string{R"({"allow":"OPTIONS","family":")"} + name +
                        R"(","name":"root","operations":[],"path":"/"})");
}

Test(endpoint, lists_the_errors_that_follow_from_its_declaration) {
    const Operation plain{
        .method = Method::get, .handler = answer, .summary = "", .answer = {200, nullptr}};
    EXPECT_TEXT(errors_of(plain), R"(["internal_error","service_unavailable"])");

    auto with_user = plain;
    with_user.auth = Auth::user;
    EXPECT_TEXT(errors_of(with_user),
                R"(["auth_required","invalid_token","internal_error","service_unavailable"])");

    auto with_body = plain;
    with_body.request_schema = schema_of<Note>;
    EXPECT_TEXT(errors_of(with_body),
                R"(["payload_too_large","unsupported_media_type","validation_error",)"
                R"("internal_error","service_unavailable"])");

    auto with_condition = plain;
    with_condition.needs_if_match = true;
    EXPECT_TEXT(
        errors_of(with_condition),
        R"(["precondition_failed","precondition_required","internal_error","service_unavailable"])");
}

Test(endpoint, lists_an_error_once) {
    EXPECT_TEXT(errors_of({.method = Method::post,
                           .handler = answer,
                           .summary = "",
                           .request_schema = schema_of<Note>,
                           .answer = {200, nullptr},
                           .errors = {Error::validation_error, Error::internal_error,
                                      Error::conflict, Error::conflict, Error::bad_request}}),
                R"(["bad_request","conflict","payload_too_large","unsupported_media_type",)"
                R"("validation_error","internal_error","service_unavailable"])");
}
