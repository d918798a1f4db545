#include "shared/endpoint.hpp"

#include "shared/http/response.hpp"
#include "tests/support/expect.hpp"

namespace {

struct Note {
    std::string text;

    static consteval auto fields() { return std::tuple{json::field("text", &Note::text)}; }
};

Async<Response> answer(const Request&, Context&) { co_return Response::no_content(); }

constexpr auto note_schema =
    R"({"additionalProperties":false,"properties":{"text":{"type":"string"}},"required":["text"],"title":"Note","type":"object"})";

// Returns the errors in the description of an operation.
std::string errors_of(Operation operation) {
    const auto text =
        describe({.path = "/", .tag = "x", .operations = {std::move(operation)}}, "x");
    return json::canonical(json::parse(text)["operations"][0]["errors"]);
}

}  // namespace

Test(endpoint, describes_itself) {
    const Endpoint declared{.path = "/notes/{id}",
                            .also_at = {"/old/{id}", "/older/{id}"},
                            .operations = {
                                {.method = Method::get,
                                 .handler = answer,
                                 .name = "getNote",
                                 .summary = "One \"note\"",
                                 .description = "Of anyone.",
                                 .query_schema = schema_of<Note>,
                                 .answer = ok<Note>().with_etag(),
                                 .errors = {Error::not_found}},
                                {.method = Method::patch,
                                 .handler = answer,
                                 .auth = Auth::user,
                                 .summary = "Change it",
                                 .request_schema = schema_of<Note>,
                                 .is_body_optional = true,
                                 .answer = no_content().with_html(),
                                 .message = "Changed",
                                 .if_match = IfMatch::required},
                            }};
    const auto text = describe(declared, "notes");
    EXPECT_TEXT(
        text,
        std::string{
            R"({"allow":"GET, HEAD, PATCH, OPTIONS","also_at":["/old/{id}","/older/{id}"],)"} +
            R"("hashes_passwords":false,"is_stream":false,"is_websocket":false,"max_body":65536,)" +
            R"("name":"notes","operations":[{)" +
            R"("answer":{"etag":true,"existing":false,"html":false,"location":false,"page":false,"schema":)" +
            note_schema + R"(,"status":200,"stream":false},)" +
            R"("auth":"none","description":"Of anyone.","errors":["not_found","precondition_failed","weak_etag",)" +
            R"("validation_error","internal_error",)" +
            R"("service_unavailable"],"idempotency_key":false,"if_match":"optional","limit":"none","message":"","method":"GET","name":"getNote","query":)" +
            note_schema +
            R"(,"request":null,"request_optional":false,"summary":"One \"note\""},{)" +
            R"("answer":{"etag":false,"existing":false,"html":true,"location":false,"page":false,"schema":null,"status":204,"stream":false},)" +
            R"("auth":"user","description":"",)" +
            R"("errors":["auth_required","invalid_token","precondition_failed","weak_etag",)" +
            R"("payload_too_large","unsupported_media_type","unsupported_content_encoding","validation_error",)" +
            R"("precondition_required","rate_limited","internal_error","service_unavailable"],)" +
            R"("idempotency_key":false,"if_match":"required","limit":"writes","message":"Changed","method":"PATCH","name":"","query":null,"request":)" +
            note_schema +
            R"(,"request_optional":true,"summary":"Change it"}],"parameters":{"id":)" +
            R"({"format":"int64","minimum":1,"type":"integer"}},"path":"/notes/{id}",)" +
            R"("settings":["common","tokens","limits"],"shape":"plain","tag":"notes"})");
    EXPECT_TEXT(json::canonical(json::parse(text)), text);
}

Test(endpoint, describes_its_kind) {
    const auto described = [](const Endpoint& declared) {
        return json::parse(describe(declared, "x"));
    };
    const auto simple = described({.path = "/api/v1/{user_id}/notes", .operations = {}});
    EXPECT_TEXT(json::text_of(simple["shape"]), "plain");
    EXPECT_TEXT(json::text_of(simple["tag"]), "notes");
    cr_expect_eq(simple["max_body"].GetInt64(), 65'536);

    const auto other = described(
        {.path = "/",
         .shape = Shape::enveloped,
         .tag = "service",
         .max_body = 10,
         .operations = {
             {.method = Method::get, .handler = answer, .summary = "", .answer = event_stream()},
             {.method = Method::post,
              .handler = answer,
              .summary = "",
              .answer = {},
              .hashes_passwords = true}}});
    EXPECT_TEXT(json::text_of(other["shape"]), "enveloped");
    EXPECT_TEXT(json::text_of(other["tag"]), "service");
    cr_expect_eq(other["max_body"].GetInt64(), 10);
    cr_expect(other["is_stream"].IsTrue() && !other["is_websocket"].IsTrue());
    cr_expect(other["hashes_passwords"].IsTrue());
    cr_expect(other["operations"][0]["answer"]["stream"].IsTrue());

    const auto adding = described({.path = "/notes",
                                   .operations = {{.method = Method::post,
                                                   .handler = answer,
                                                   .summary = "",
                                                   .answer = created<Note>().or_existing()}}});
    cr_expect(adding["operations"][0]["answer"]["existing"].IsTrue());

    const auto socket = described(
        {.path = "/ws",
         .operations = {
             {.method = Method::get, .handler = answer, .summary = "", .answer = websocket()}}});
    cr_expect(socket["is_stream"].IsTrue() && socket["is_websocket"].IsTrue());
    cr_expect_not(socket["operations"][0]["answer"]["stream"].IsTrue());
}

Test(endpoint, gets_the_settings_that_its_declaration_calls_for) {
    const auto with = [](auto Operation::*member, auto value) {
        Operation operation{.method = Method::get, .handler = answer, .summary = "", .answer = {}};
        operation.*member = value;
        return operation;
    };
    const auto settings_of = [](std::vector<Operation> operations) {
        const auto text =
            describe({.path = "/", .tag = "x", .operations = std::move(operations)}, "x");
        return json::canonical(json::parse(text)["settings"]);
    };
    const auto of_auth = [&](Auth auth) { return settings_of({with(&Operation::auth, auth)}); };
    EXPECT_TEXT(of_auth(Auth::none), R"(["common"])");
    EXPECT_TEXT(of_auth(Auth::owner), R"(["common","tokens"])");
    EXPECT_TEXT(of_auth(Auth::key), R"(["common","keys","limits"])");
    EXPECT_TEXT(of_auth(Auth::reader), R"(["common","tokens","keys"])");
    EXPECT_TEXT(settings_of({with(&Operation::issues_tokens, true)}), R"(["common","tokens"])");
    EXPECT_TEXT(settings_of({with(&Operation::counts_attempts, true),
                             with(&Operation::hashes_passwords, true)}),
                R"(["common","limits","passwords"])");
}

Test(endpoint, is_found_at_each_of_its_paths) {
    const Endpoint declared{.path = "/api/v1/{user_id}/notes/{id}",
                            .also_at = {"/api/{user_id}/notes/{id}", "/api/notes/{id}"},
                            .operations = {}};
    const auto found = [&](std::string_view target, std::string_view api_prefix) {
        const auto parameters = match_endpoint(declared, target, api_prefix);
        if (!parameters) return std::string{"no"};
        std::string text;
        for (const auto& [name, value] : *parameters)
            text.append(name).append("=").append(value).append(" ");
        return text;
    };
    EXPECT_TEXT(found("/api/v1/ann/notes/7", "/api/v1"), "user_id=ann id=7 ");
    EXPECT_TEXT(found("/api/v1/ann/notes/7", "/people"), "no");
    EXPECT_TEXT(found("/people/ann/notes/7?x", "/people"), "user_id=ann id=7 ");
    for (const char* prefix : {"/api/v1", "/people", "/api"}) {
        EXPECT_TEXT(found("/api/ann/notes/7", prefix), "user_id=ann id=7 ");
        EXPECT_TEXT(found("/api/notes/7", prefix), "id=7 ");
        EXPECT_TEXT(found("/notes/7", prefix), "no");
    }
    EXPECT_TEXT(mounted(declared.path, "/people"), "/people/{user_id}/notes/{id}");
    EXPECT_TEXT(mounted("/api/v1x", "/people"), "/api/v1x");
}

Test(endpoint, describes_the_parameters_of_its_path) {
    const auto parameters_of = [](const Endpoint& declared) {
        return json::canonical(json::parse(describe(declared, "x"))["parameters"]);
    };
    EXPECT_TEXT(parameters_of({.path = "/notes/{id}/parts",
                               .id_schema = schema_of<Uuid>,
                               .shape = Shape::enveloped,
                               .operations = {}}),
                R"({"id":{"format":"uuid","type":"string"}})");
    EXPECT_TEXT(parameters_of({.path = "/{user_id}", .tag = "x", .operations = {}}),
                R"({"user_id":{"description":"The user of the token: `data.user.id` in the answer )"
                R"(of `POST /api/auth/signin`, or the claim `sub` of the token",)"
                R"("examples":["ada"],"minLength":1,"type":"string"}})");
}

Test(endpoint, says_what_is_limited) {
    const auto limit_of = [](const Operation& operation) {
        const Endpoint declared{.path = "/x", .operations = {operation}};
        const auto description = json::parse(describe(declared, "x"));
        return std::string{json::text_of(description["operations"][0]["limit"])};
    };
    Operation operation{.method = Method::get, .handler = answer, .summary = "", .answer = {}};
    EXPECT_TEXT(limit_of(operation), "none");
    operation.auth = Auth::key;
    EXPECT_TEXT(limit_of(operation), "requests");
    operation.auth = Auth::user;
    EXPECT_TEXT(limit_of(operation), "none");
    operation.method = Method::post;
    EXPECT_TEXT(limit_of(operation), "writes");
    operation.auth = Auth::none;
    operation.counts_attempts = true;
    EXPECT_TEXT(limit_of(operation), "attempts");
}

Test(endpoint, lists_the_errors_that_follow_from_its_declaration) {
    const Operation plain{.method = Method::get, .handler = answer, .summary = "", .answer = {}};
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

    auto with_stream = plain;
    with_stream.answer = event_stream();
    EXPECT_TEXT(errors_of(with_stream),
                R"(["rate_limited","internal_error","service_unavailable"])");

    auto with_write = with_user;
    with_write.method = Method::post;
    EXPECT_TEXT(
        errors_of(with_write),
        R"(["auth_required","invalid_token","rate_limited","internal_error","service_unavailable"])");

    auto with_query = plain;
    with_query.query_schema = schema_of<Note>;
    EXPECT_TEXT(errors_of(with_query),
                R"(["validation_error","internal_error","service_unavailable"])");

    auto with_body = plain;
    with_body.request_schema = schema_of<Note>;
    EXPECT_TEXT(
        errors_of(with_body),
        R"(["payload_too_large","unsupported_media_type","unsupported_content_encoding","validation_error",)"
        R"("internal_error","service_unavailable"])");
}

// A resource has an ETag if its GET declares one or, without a GET, if the operation itself does.
Test(endpoint, says_where_preconditions_are_evaluated) {
    const auto described = [](std::vector<Operation> operations) {
        const auto text =
            describe({.path = "/", .tag = "x", .operations = std::move(operations)}, "x");
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
    const auto operation = [](Method method, bool has_etag, IfMatch if_match = IfMatch::optional) {
        return Operation{.method = method,
                         .handler = answer,
                         .summary = "",
                         .answer = {.has_etag = has_etag},
                         .if_match = if_match};
    };
    EXPECT_TEXT(described({operation(Method::get, true), operation(Method::post, true),
                           operation(Method::put, false),
                           operation(Method::delete_, false, IfMatch::required)}),
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
    const Operation operation{
        .method = Method::get, .handler = answer, .summary = "", .answer = {.is_page = true}};
    const auto document =
        json::parse(describe({.path = "/", .tag = "x", .operations = {operation}}, "x"));
    cr_expect(document["operations"][0]["answer"]["page"].IsTrue());
}

Test(endpoint, lists_an_error_once) {
    EXPECT_TEXT(
        errors_of({.method = Method::post,
                   .handler = answer,
                   .summary = "",
                   .request_schema = schema_of<Note>,
                   .answer = {},
                   .errors = {Error::validation_error, Error::internal_error, Error::conflict,
                              Error::conflict, Error::bad_request}}),
        R"(["bad_request","conflict","payload_too_large","unsupported_media_type","unsupported_content_encoding",)"
        R"("validation_error","internal_error","service_unavailable"])");
}
