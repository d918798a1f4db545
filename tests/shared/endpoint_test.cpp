#include "shared/endpoint.hpp"

#include "shared/http/response.hpp"
#include "tests/support/expect.hpp"

namespace endpoint_test {

namespace {

struct Note {
    std::string text;

    static consteval auto fields() { return std::tuple{json::field("text", &Note::text)}; }
};

Async<Response> answer(const Request&, Context&) { co_return Response::no_content(); }

constexpr auto note_schema =
    R"({"additionalProperties":false,"properties":{"text":{"type":"string"}},"required":["text"],"title":"Note","type":"object"})";

// The errors in the description of one operation.
std::string errors_of(Operation operation) {
    const auto text =
        describe({.path = "/", .family = Family::api, .operations = {std::move(operation)}}, "x");
    return json::canonical(json::parse(text)["operations"][0]["errors"]);
}

}  // namespace

Test(endpoint, describes_itself) {
    const Endpoint declared{.path = "/notes/{id}",
                            .also_at = {"/old/{id}", "/older/{id}"},
                            .family = Family::orchestrator,
                            .operations = {
                                {.method = Method::get,
                                 .handler = answer,
                                 .summary = "One \"note\"",
                                 .query_schema = schema_of<Note>,
                                 .answer = {200, schema_of<Note>, true},
                                 .errors = {Error::not_found}},
                                {.method = Method::patch,
                                 .handler = answer,
                                 .auth = Auth::user,
                                 .summary = "Change it",
                                 .request_schema = schema_of<Note>,
                                 .is_body_optional = true,
                                 .answer = {204, nullptr},
                                 .needs_if_match = true},
                            }};
    const auto text = describe(declared, "notes");
    EXPECT_TEXT(
        text,
        std::string{
            R"({"allow":"GET, HEAD, PATCH, OPTIONS","also_at":["/old/{id}","/older/{id}"],)"} +
            R"("family":"orchestrator","name":"notes","operations":[{)" +
            R"("answer":{"etag":true,"location":false,"page":false,"schema":)" + note_schema +
            R"(,"status":200,"stream":false},)" +
            R"("auth":"none","errors":["not_found","precondition_failed","weak_etag",)" +
            R"("validation_error","internal_error",)" +
            R"("service_unavailable"],"idempotency_key":false,"if_match":"optional","limit":"none","method":"GET","query":)" +
            note_schema +
            R"(,"request":null,"request_optional":false,"summary":"One \"note\""},{)" +
            R"("answer":{"etag":false,"location":false,"page":false,"schema":null,"status":204,"stream":false},)" +
            R"("auth":"user",)" +
            R"("errors":["auth_required","invalid_token","precondition_failed","weak_etag",)" +
            R"("payload_too_large","unsupported_media_type","validation_error",)" +
            R"("precondition_required","internal_error","service_unavailable"],)" +
            R"("idempotency_key":false,"if_match":"required","limit":"none","method":"PATCH","query":null,"request":)" +
            note_schema +
            R"(,"request_optional":true,"summary":"Change it"}],"parameters":{"id":)" +
            R"({"format":"int64","minimum":1,"type":"integer"}},"path":"/notes/{id}"})");
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
                    std::string{R"({"allow":"OPTIONS","also_at":[],"family":")"} + name +
                        R"(","name":"root","operations":[],"parameters":{},"path":"/"})");
}

Test(endpoint, describes_the_parameters_of_its_path) {
    const auto parameters_of = [](const Endpoint& declared) {
        return json::canonical(json::parse(describe(declared, "x"))["parameters"]);
    };
    EXPECT_TEXT(parameters_of({.path = "/notes/{id}/parts",
                               .id_schema = schema_of<Uuid>,
                               .family = Family::api,
                               .operations = {}}),
                R"({"id":{"format":"uuid","type":"string"}})");
    EXPECT_TEXT(parameters_of({.path = "/{user_id}", .family = Family::api, .operations = {}}),
                R"({"user_id":{"description":"The token's user","minLength":1,"type":"string"}})");
}

Test(endpoint, says_what_is_limited) {
    const auto limit_of = [](const Operation& operation) {
        const Endpoint declared{
            .path = "/x", .family = Family::orchestrator, .operations = {operation}};
        const auto description = json::parse(describe(declared, "x"));
        return std::string{json::text_of(description["operations"][0]["limit"])};
    };
    Operation operation{
        .method = Method::get, .handler = answer, .summary = "", .answer = {200, nullptr}};
    EXPECT_TEXT(limit_of(operation), "none");
    operation.auth = Auth::key;
    EXPECT_TEXT(limit_of(operation), "requests");
    operation.auth = Auth::none;
    operation.counts_attempts = true;
    EXPECT_TEXT(limit_of(operation), "attempts");
}

Test(endpoint, lists_the_errors_that_follow_from_its_declaration) {
    const Operation plain{
        .method = Method::get, .handler = answer, .summary = "", .answer = {200, nullptr}};
    EXPECT_TEXT(errors_of(plain), R"(["internal_error","service_unavailable"])");

    auto with_user = plain;
    with_user.auth = Auth::user;
    EXPECT_TEXT(errors_of(with_user),
                R"(["auth_required","invalid_token","internal_error","service_unavailable"])");

    auto with_owner = plain;
    with_owner.auth = Auth::owner;
    EXPECT_TEXT(errors_of(with_owner),
                R"(["auth_required","invalid_token","forbidden","validation_error",)"
                R"("internal_error","service_unavailable"])");

    auto with_key = plain;
    with_key.auth = Auth::key;
    EXPECT_TEXT(errors_of(with_key),
                R"(["invalid_api_key","rate_limited","internal_error","service_unavailable"])");

    auto with_attempts = plain;
    with_attempts.counts_attempts = true;
    EXPECT_TEXT(errors_of(with_attempts),
                R"(["rate_limited","internal_error","service_unavailable"])");

    auto with_query = plain;
    with_query.query_schema = schema_of<Note>;
    EXPECT_TEXT(errors_of(with_query),
                R"(["validation_error","internal_error","service_unavailable"])");

    auto with_body = plain;
    with_body.request_schema = schema_of<Note>;
    EXPECT_TEXT(errors_of(with_body),
                R"(["payload_too_large","unsupported_media_type","validation_error",)"
                R"("internal_error","service_unavailable"])");
}

// The ETag of a resource is what its GET declares, or the operation itself where there is no GET.
Test(endpoint, says_where_preconditions_are_evaluated) {
    const auto described = [](std::vector<Operation> operations) {
        const auto text = describe(
            {.path = "/", .family = Family::api, .operations = std::move(operations)}, "x");
        const auto document = json::parse(text);
        std::string all;
        for (const auto& operation : document["operations"].GetArray()) {
            all.append(json::text_of(operation["method"])).append(" ");
            all.append(json::text_of(operation["if_match"]));
            for (const auto& error : operation["errors"].GetArray())
                if (json::text_of(error).starts_with("precondition") ||
                    json::text_of(error) == "weak_etag")
                    all.append(" ").append(json::text_of(error));
            all += "; ";
        }
        return all;
    };
    const auto operation = [](Method method, bool has_etag, bool needs_if_match = false) {
        return Operation{.method = method,
                         .handler = answer,
                         .summary = "",
                         .answer = {200, nullptr, has_etag},
                         .needs_if_match = needs_if_match};
    };
    EXPECT_TEXT(described({operation(Method::get, true), operation(Method::post, true),
                           operation(Method::put, false), operation(Method::delete_, false, true)}),
                "GET optional precondition_failed weak_etag; POST none; PUT optional "
                "precondition_failed weak_etag; "
                "DELETE required precondition_failed weak_etag precondition_required; ");
    EXPECT_TEXT(described({operation(Method::patch, true)}),
                "PATCH optional precondition_failed weak_etag; ");
    EXPECT_TEXT(described({operation(Method::get, false), operation(Method::post, true),
                           operation(Method::delete_, false)}),
                "GET none; POST none; DELETE none; ");
}

Test(endpoint, says_what_is_a_page) {
    const Operation operation{.method = Method::get,
                              .handler = answer,
                              .summary = "",
                              .answer = {200, nullptr, false, true}};
    const auto document =
        json::parse(describe({.path = "/", .family = Family::api, .operations = {operation}}, "x"));
    cr_expect(document["operations"][0]["answer"]["page"].IsTrue());
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

}  // namespace endpoint_test
