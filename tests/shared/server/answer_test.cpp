// answer() on endpoints made for these tests: what it does for every handler.

#include <algorithm>
#include <cstdlib>

#include "shared/db/sqlstate.hpp"
#include "shared/digest.hpp"
#include "shared/http/conditional.hpp"
#include "shared/json/reader.hpp"
#include "shared/log.hpp"
#include "shared/server/serve.hpp"
#include "shared/text.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/no_database.hpp"
#include "tests/support/signer.hpp"

namespace {

struct Note {
    std::string text;
    static consteval auto fields() { return std::tuple{json::field("text", &Note::text)}; }
};

constexpr auto note_json = R"({"text":"hello"})";

// --- handlers

Async<Response> note(const Request&, Context&) { co_return Response::ok(Note{"hello"}); }

Async<Response> note_with_etag(const Request&, Context&) { co_return Response::ok(Note{"hello"}); }

Async<Response> accepted_with_etag(const Request&, Context&) { co_return Response{202, "{}"}; }

// A write with no resource to compare its condition with.
void pass_condition(const Request& request) {
    [[maybe_unused]] const auto condition = request.condition();
}

Async<Response> created_note(const Request& request, Context&) {
    pass_condition(request);
    auto made = request.body<Note>();
    co_return Response::created("/notes/1", made);
}

Async<Response> nothing(const Request&, Context&) { co_return Response::no_content(); }

Async<Response> who(const Request& request, Context&) {
    pass_condition(request);
    co_return Response::ok(Note{request.identity().user_id});
}

Async<Response> headers_of_its_own(const Request&, Context&) {
    co_return Response{200, "{}"}
        .with("Content-Type", "application/octet-stream")
        .with("X-Content-Type-Options", "sniff")
        .with("Referrer-Policy", "unsafe-url")
        .with("X-Request-ID", "of the handler")
        .with("Cache-Control", "public")
        .with("Vary", "Accept");
}

// Repeats client input in a header, which is how headers get injected.
Async<Response> echoing_header(const Request& request, Context&) {
    co_return Response::no_content().with("X-Echo", request.body<Note>().text);
}

// The function that throwing() calls next.
const std::function<void()>*& thrower() {
    static const std::function<void()>* current = nullptr;
    return current;
}

Async<Response> throwing(const Request&, Context&) {
    (*thrower())();
    co_return Response::no_content();
}

Async<Response> throwing_after_a_header(const Request& request, Context&) {
    request.add_header("RateLimit", "r=1");
    (*thrower())();
    co_return Response::no_content();
}

// --- endpoints

bool has_etag(Handler handler) {
    return handler == note_with_etag || handler == accepted_with_etag || handler == created_note;
}

Operation operation(Method method, Handler handler, Auth auth = Auth::none,
                    JsonSchema schema = nullptr) {
    return {.method = method,
            .handler = handler,
            .auth = auth,
            .summary = "",
            .request_schema = schema,
            .answer = {.has_etag = has_etag(handler)}};
}

Endpoint endpoint_of(Operation only, Shape shape = Shape::plain) {
    return {.path = "/notes", .shape = shape, .operations = {std::move(only)}};
}

// GET and POST are public, POST and PATCH take a body, and PATCH needs a token.
const Endpoint& notes() {
    static const Endpoint declared{
        .path = "/notes",
        .shape = Shape::plain,
        .operations = {operation(Method::get, note_with_etag),
                       operation(Method::post, created_note, Auth::none, schema_of<Note>),
                       operation(Method::patch, who, Auth::user, schema_of<Note>)}};
    return declared;
}

// Notes of the caller, in envelopes.
const Endpoint& own_notes() {
    static const Endpoint declared = [] {
        auto post = operation(Method::post, created_note, Auth::owner, schema_of<Note>);
        post.message = "Note created";
        auto put = operation(Method::put, created_note, Auth::owner, schema_of<Note>);
        put.is_body_optional = true;
        return Endpoint{.path = "/api/v1/{user_id}/notes",
                        .also_at = {"/api/notes"},
                        .shape = Shape::enveloped,
                        .operations = {operation(Method::get, who, Auth::owner), post, put,
                                       operation(Method::delete_, nothing, Auth::owner)}};
    }();
    return declared;
}

// --- sending

RawRequest request(std::string_view method, std::string_view target) {
    RawRequest raw;
    raw.method = method;
    raw.target = target;
    return raw;
}

RawRequest get() { return request("GET", "/notes"); }

RawRequest post() {
    auto raw = request("POST", "/notes");
    raw.content_type = "application/json";
    raw.body = note_json;
    return raw;
}

class Service {
public:
    // With `fetch` the service has a key set.
    explicit Service(KeySet::Fetch fetch = nullptr, bool is_demo = false)
        : config_(test_config("sqlite:///unused.db")) {
        config_.demo_mode = is_demo;
        auto keys = fetch ? KeySet::of_url(loop_, "", std::move(fetch), Clock::now) : nullptr;
        config_.allowed_origins = {"http://localhost:3001", "https://app.example.org",
                                   "https://front.example.org"};
        tokens_ = std::make_unique<Tokens>(config_, std::move(keys));
        context_ = std::unique_ptr<Context>{
            new Context{config_, database_, *tokens_, api_keys_, passwords_, state_}};
    }

    Response send(const Endpoint& served, const RawRequest& raw) {
        std::optional<Response> response;
        spawn(loop_, keep(answer(raw, served, *context_), response),
              [](const std::exception_ptr& failure) { cr_assert(!failure, "answer() threw"); });
        loop_.restart();
        loop_.run();
        cr_assert(response.has_value());
        return std::move(*response);
    }

    // The token comes from another issuer. For an account answer() would query the database.
    std::string bearer() const { return "Bearer " + foreign_token("user-1"); }

    // Sends a GET whose handler throws, and returns the response.
    Response send_throwing(const std::function<void()>& call, Shape shape = Shape::plain,
                           std::string_view request_id = "r-1") {
        thrower() = &call;
        auto raw = get();
        raw.request_id = request_id;
        return send(endpoint_of(operation(Method::get, throwing), shape), raw);
    }

private:
    static Async<> keep(Async<Response> awaited, std::optional<Response>& response) {
        response = co_await std::move(awaited);
    }

    Loop loop_{1};
    Config config_;
    NoDatabase database_;
    Passwords passwords_{4};
    ApiKeys api_keys_{config_};
    std::unique_ptr<Tokens> tokens_;
    ProcessState state_;
    std::unique_ptr<Context> context_;
};

RawRequest with_token(RawRequest raw, const std::string& authorization) {
    raw.method = "PATCH";
    raw.authorization = authorization;
    return raw;
}

// Returns "status type" for an error in the plain shape, and "status" otherwise.
std::string outcome(const Response& response) {
    auto text = std::to_string(response.status());
    if (response.status() < 400) return text;
    const auto body = json::parse(response.body());
    return text + " " + body["type"].GetString();
}

// Counts the header lines of the sent head that start with this text.
long lines(const Response& response, std::string_view start) {
    const auto head = ascii_lower(cgi_head(response));
    const auto wanted = "\n" + ascii_lower(start);
    long count = 0;
    for (auto at = head.find(wanted); at != head.npos; at = head.find(wanted, at + 1)) ++count;
    return count;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

// --- the order of checks

// Each request also has the faults of all requests after it.
Test(answer, checks_in_a_fixed_order) {
    Service service;
    auto raw = request("DELETE", "/elsewhere");
    raw.authorization = "Bearer nonsense";
    raw.content_type = "text/plain";
    raw.body = "nonsense";
    raw.is_body_too_large = true;
    EXPECT_TEXT(outcome(service.send(notes(), raw)), "404 not_found");
    raw.target = "/notes";
    EXPECT_TEXT(outcome(service.send(notes(), raw)), "405 method_not_allowed");
    raw.method = "PATCH";
    EXPECT_TEXT(outcome(service.send(notes(), raw)), "413 payload_too_large");
    raw.is_body_too_large = false;
    EXPECT_TEXT(outcome(service.send(notes(), raw)), "415 unsupported_media_type");
    raw.content_type = "application/json";
    EXPECT_TEXT(outcome(service.send(notes(), raw)), "401 unauthorized");
    const auto bearer = service.bearer();
    raw.authorization = bearer;
    const auto response = service.send(notes(), raw);
    EXPECT_TEXT(outcome(response), "200");
    EXPECT_TEXT(response.body(), R"({"text":"user-1"})");
    raw.method = "POST";
    EXPECT_TEXT(outcome(service.send(notes(), raw)), "422 unprocessable_entity");
}

Test(answer, lists_the_methods_that_are_allowed) {
    Service service;
    for (const char* method : {"DELETE", "PUT", "get", "Get", "", "TRACE", "CONNECT", "BREW"}) {
        auto raw = get();
        raw.method = method;
        const auto response = service.send(notes(), raw);
        EXPECT_TEXT(outcome(response), "405 method_not_allowed");
        EXPECT_TEXT(response.header("Allow"), "GET, HEAD, POST, PATCH, OPTIONS");
    }
    const auto only_post = endpoint_of(operation(Method::post, nothing));
    auto raw = get();
    raw.method = "HEAD";
    const auto response = service.send(only_post, raw);
    cr_expect_eq(response.status(), 405);
    EXPECT_TEXT(response.header("Allow"), "POST, OPTIONS");
    EXPECT_TEXT(service.send(notes(), get()).header("Allow"), "");
}

Test(answer, answers_options_wherever_something_is) {
    Service service;
    auto raw = get();
    raw.method = "OPTIONS";
    const auto response = service.send(notes(), raw);
    cr_expect_eq(response.status(), 204);
    EXPECT_TEXT(response.header("Allow"), "GET, HEAD, POST, PATCH, OPTIONS");
    EXPECT_TEXT(response.body(), "");
    raw.target = "/elsewhere";
    EXPECT_TEXT(outcome(service.send(notes(), raw)), "404 not_found");
}

Test(answer, takes_json_only) {
    Service service;
    for (const char* type : {"application/json", "application/json; charset=utf-8",
                             "APPLICATION/JSON", " application/json ;x=y"}) {
        auto raw = post();
        raw.content_type = type;
        EXPECT_TEXT(outcome(service.send(notes(), raw)), "201");
    }
    for (const char* type : {"", "text/plain", "application/jsonp", "application/x-json",
                             "application/merge-patch+json", "multipart/form-data; boundary=x",
                             "application/json, text/plain", "json"}) {
        auto raw = post();
        raw.content_type = type;
        EXPECT_TEXT(outcome(service.send(notes(), raw)), "415 unsupported_media_type");
        raw.body = {};
        if (!raw.content_type.empty())
            EXPECT_TEXT(outcome(service.send(notes(), raw)), "415 unsupported_media_type");
    }
}

Test(answer, takes_no_encoded_bodies) {
    Service service;
    auto raw = post();
    for (const char* encoding : {"gzip", "GZIP", "br", "identity, gzip", "x"}) {
        raw.content_encoding = encoding;
        const auto response = service.send(notes(), raw);
        EXPECT_TEXT(outcome(response), "415 unsupported_media_type");
        cr_expect(contains(response.body(), entry(Error::unsupported_content_encoding).message));
        EXPECT_TEXT(response.header("Accept-Encoding"), "identity");
    }
    for (const char* encoding : {"", "identity", "Identity"}) {
        raw.content_encoding = encoding;
        EXPECT_TEXT(outcome(service.send(notes(), raw)), "201");
    }
}

// "GET http://host?x HTTP/1.1" (RFC 3986, section 6.2.3).
Test(answer, takes_an_empty_path_for_the_root) {
    Service service;
    const Endpoint root{.path = "/", .operations = {operation(Method::get, nothing)}};
    for (const char* target : {"/", "", "?x=1", "/?x=1"})
        EXPECT_TEXT(outcome(service.send(root, request("GET", target))), "204");
    EXPECT_TEXT(outcome(service.send(notes(), request("GET", "?x"))), "404 not_found");
}

Test(answer, says_that_a_body_is_missing) {
    Service service;
    auto raw = post();
    raw.body = {};
    EXPECT_TEXT(outcome(service.send(notes(), raw)), "422 unprocessable_entity");
    raw.content_type = {};
    const auto response = service.send(notes(), raw);
    EXPECT_TEXT(outcome(response), "422 unprocessable_entity");
    EXPECT_TEXT(json::canonical(json::parse(response.body())["details"]),
                R"([{"loc":["body"],"msg":"Field required","type":"missing"}])");
}

Test(answer, refuses_a_large_body_even_where_none_is_taken) {
    Service service;
    auto raw = get();
    raw.is_body_too_large = true;
    EXPECT_TEXT(outcome(service.send(notes(), raw)), "413 payload_too_large");
}

// --- authentication

Test(answer, asks_for_a_token_where_none_was_sent) {
    Service service;
    for (const char* authorization : {"", "Bearer", "Basic dXNlcjpwYXNz", "Digest x", "bearer:x",
                                      "Token x", "Bearerx", " Bearer x"}) {
        const auto response = service.send(notes(), with_token(post(), authorization));
        EXPECT_TEXT(outcome(response), "401 unauthorized");
        EXPECT_TEXT(response.header("WWW-Authenticate"), "Bearer");
        cr_expect(contains(response.body(), entry(Error::auth_required).message));
    }
}

Test(answer, says_that_a_token_is_invalid) {
    Service service;
    const auto good = service.bearer();
    for (const auto& authorization :
         {std::string{"Bearer "}, std::string{"Bearer x"}, std::string{"bearer a.b.c"}, good + "x",
          good + " ", "Bearer " + good}) {
        const auto response = service.send(notes(), with_token(post(), authorization));
        EXPECT_TEXT(outcome(response), "401 unauthorized");
        EXPECT_TEXT(response.header("WWW-Authenticate"), R"(Bearer error="invalid_token")");
        cr_expect(contains(response.body(), entry(Error::invalid_token).message));
    }
    // RFC 9110, section 11.4: one or more spaces.
    for (const char* scheme : {"Bearer", "bearer", "BEARER", "Bearer ", "bearer   "})
        EXPECT_TEXT(outcome(service.send(notes(), with_token(post(), scheme + good.substr(6)))),
                    "200");
}

Test(answer, waits_for_the_keys_of_another_issuer) {
    const Signer signer{"EdDSA"};
    const auto bearer = "Bearer " + signer.token(R"({"sub":"theirs","exp":9000000000})");
    const auto asked = endpoint_of(operation(Method::patch, who, Auth::user));
    Service service{[&](const auto&) { return set_of({signer.jwk()}); }};
    for (int i = 0; i < 2; ++i)
        EXPECT_TEXT(service.send(asked, with_token(get(), bearer)).body(), R"({"text":"theirs"})");
    EXPECT_TEXT(outcome(service.send(asked, with_token(get(), service.bearer()))), "200");
    EXPECT_TEXT(outcome(service.send(asked, with_token(get(), bearer + "x"))), "401 unauthorized");

    Service cut_off{[](const auto&) -> std::string { throw std::runtime_error("no answer"); }};
    const auto response = cut_off.send(asked, with_token(get(), bearer));
    EXPECT_TEXT(outcome(response), "503 service_unavailable");
    // The next request to the issuer may start ten seconds after this one.
    EXPECT_TEXT(response.header("Retry-After"), "10");
    cr_expect_eq(lines(response, "Retry-After:"), 1);
    EXPECT_TEXT(outcome(cut_off.send(asked, with_token(get(), cut_off.bearer()))), "200");
}

Test(answer, a_demo_needs_no_token_and_takes_no_bad_one) {
    Service service{nullptr, true};
    const auto asked = endpoint_of(operation(Method::patch, who, Auth::user));
    EXPECT_TEXT(service.send(asked, with_token(get(), "")).body(), R"({"text":"demo-user"})");
    EXPECT_TEXT(service.send(asked, with_token(get(), service.bearer())).body(),
                R"({"text":"user-1"})");
    for (const char* authorization :
         {"Bearer x", "Bearer ", "Bearer", "Basic dXNlcjpwYXNz",
          "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJleHAiOjkwMDAwMDAwMDB9."})
        EXPECT_TEXT(outcome(service.send(asked, with_token(get(), authorization))),
                    "401 unauthorized");
}

Test(answer, names_an_api_key_by_a_short_id) {
    Service service;
    const auto asked = endpoint_of(operation(Method::get, who, Auth::key));
    auto raw = get();
    raw.api_key = api_key;
    logging::set_level(logging::Level::debug);
    const auto log = written_by([&] { EXPECT_TEXT(outcome(service.send(asked, raw)), "200"); });
    raw.api_key = "secret-key-of-another";
    const auto refused =
        written_by([&] { EXPECT_TEXT(outcome(service.send(asked, raw)), "401 unauthorized"); });
    logging::set_level(logging::Level::info);
    // `printf %s KEY | sha256sum` prints these first digits.
    cr_expect(contains(log, R"("key_id":"7d606ffe")"), "%s", log.c_str());
    cr_expect(!contains(log, api_key));
    cr_expect(!contains(refused, "secret-key"), "%s", refused.c_str());
}

Test(answer, says_in_the_log_why_it_refuses) {
    Service service;
    const auto asked = endpoint_of(operation(Method::get, who, Auth::reader));
    // "message: reason" of the first line. Later ones of the same second are logged at `debug`.
    logging::set_level(logging::Level::debug);
    const auto reason_of = [&](RawRequest raw) {
        raw.request_id = "r-1";
        const auto log =
            written_by([&] { EXPECT_TEXT(outcome(service.send(asked, raw)), "401 unauthorized"); });
        const auto line = json::parse(log.substr(0, log.find('\n')));
        EXPECT_TEXT(line["request_id"].GetString(), "r-1");
        return std::string{line["level"].GetString()} + " " + line["message"].GetString() + ": " +
               line["reason"].GetString();
    };
    auto with_bad_token = get();
    with_bad_token.authorization = "Bearer x";
    EXPECT_TEXT(reason_of(with_bad_token), "info token refused: token: not three parts");
    cr_expect(reason_of(with_bad_token).ends_with(" token refused: token: not three parts"));
    cr_expect(reason_of(request("GET", "/notes?ticket=x"))
                  .ends_with(" ticket refused: token: not three parts"));
    auto with_bad_key = get();
    with_bad_key.api_key = "a key that nobody has";
    cr_expect(reason_of(with_bad_key).ends_with(" API key refused: unknown"));
    logging::set_level(logging::Level::info);
}

Test(answer, gives_a_public_operation_no_identity) {
    Service service;
    const auto single = endpoint_of(operation(Method::get, who));
    auto raw = get();
    const auto bearer = service.bearer();
    raw.authorization = bearer;
    EXPECT_TEXT(service.send(single, raw).body(), R"({"text":""})");
    raw.authorization = "Bearer nonsense";
    EXPECT_TEXT(outcome(service.send(single, raw)), "200");
}

// --- errors

// --- owners

Test(answer, lets_owners_alone_in) {
    Service service;
    const auto bearer = service.bearer();
    auto raw = request("GET", "/api/v1/user-1/notes");
    raw.authorization = bearer;
    EXPECT_TEXT(service.send(own_notes(), raw).body(),
                R"({"data":{"text":"user-1"},"message":null,"success":true})");
    for (const char* user : {"user-2", "user-", "user-11", "USER-1", "user-1%20", "-"}) {
        const auto target = "/api/v1/" + std::string{user} + "/notes";
        raw.target = target;
        const auto response = service.send(own_notes(), raw);
        cr_expect_eq(response.status(), 403, "%s: %d", user, response.status());
        cr_expect(contains(response.body(), R"("code":"FORBIDDEN")"));
    }
}

Test(answer, takes_a_path_without_a_user_for_the_callers_own) {
    Service service;
    const auto bearer = service.bearer();
    auto raw = request("GET", "/api/notes");
    raw.authorization = bearer;
    cr_expect(contains(service.send(own_notes(), raw).body(), "user-1"));
    raw.authorization = {};
    cr_expect_eq(service.send(own_notes(), raw).status(), 401);
}

Test(answer, asks_who_somebody_is_before_whose_it_is) {
    Service service;
    auto raw = request("GET", "/api/v1/user-2/notes");
    cr_expect_eq(service.send(own_notes(), raw).status(), 401);
    raw.authorization = "Bearer x.y.z";
    cr_expect_eq(service.send(own_notes(), raw).status(), 401);
    const auto bearer = service.bearer();
    raw.authorization = bearer;
    cr_expect_eq(service.send(own_notes(), raw).status(), 403);
    raw.method = "POST";
    raw.content_type = "application/json";
    raw.body = "nonsense";
    cr_expect_eq(service.send(own_notes(), raw).status(), 403);
}

// --- the envelope of the surface /api

Test(answer, wraps_what_the_api_surface_answers) {
    Service service;
    const auto bearer = service.bearer();
    auto raw = request("POST", "/api/v1/user-1/notes");
    raw.authorization = bearer;
    raw.content_type = "application/json";
    raw.body = note_json;
    const auto response = service.send(own_notes(), raw);
    cr_expect_eq(response.status(), 201);
    EXPECT_TEXT(response.body(), std::string{R"({"data":)"} + note_json +
                                     R"(,"message":"Note created","success":true})");
    EXPECT_TEXT(response.etag(), entity_tag(note_json));
    EXPECT_TEXT(response.header("Cache-Control"), "no-store, no-transform");
    raw.method = "DELETE";
    const auto removed = service.send(own_notes(), raw);
    cr_expect_eq(removed.status(), 204);
    EXPECT_TEXT(removed.body(), "");
}

Test(answer, wraps_nothing_elsewhere) {
    Service service;
    EXPECT_TEXT(service.send(notes(), get()).body(), note_json);
}

Test(answer, reads_no_body_as_an_empty_object_where_there_may_be_none) {
    Service service;
    const auto bearer = service.bearer();
    auto raw = request("PUT", "/api/v1/user-1/notes");
    raw.authorization = bearer;
    auto response = service.send(own_notes(), raw);
    cr_expect_eq(response.status(), 422);
    cr_expect(contains(response.body(), R"({"loc":["body","text"],"msg":"Field required")"));
    raw.body = note_json;
    cr_expect_eq(service.send(own_notes(), raw).status(), 415);
    raw.content_type = "application/json";
    cr_expect_eq(service.send(own_notes(), raw).status(), 201);
}

Test(answer, shapes_errors_as_the_endpoint_declares) {
    Service service;
    static const std::function<void()> not_found = [] { throw ApiError{Error::not_found}; };
    static constexpr auto plain =
        R"({"message":"The resource does not exist","request_id":"r-1","type":"not_found"})";
    const auto response = service.send_throwing(not_found);
    EXPECT_TEXT(response.body(), plain);
    EXPECT_TEXT(response.header("Content-Type"), "application/json");
    EXPECT_TEXT(service.send_throwing(not_found, Shape::enveloped).body(),
                R"({"error":{"code":"RESOURCE_NOT_FOUND","message":"The resource does not exist",)"
                R"("request_id":"r-1"},"success":false})");
}

Test(answer, gives_problem_details_to_whoever_asks) {
    Service service;
    for (const auto shape : {Shape::plain, Shape::enveloped}) {
        const auto single = endpoint_of(operation(Method::post, nothing), shape);
        auto raw = get();
        raw.accept = "application/json;q=0.5, application/problem+json";
        raw.request_id = "r-1";
        const auto response = service.send(single, raw);
        cr_expect_eq(response.status(), 405);
        EXPECT_TEXT(response.header("Content-Type"), "application/problem+json");
        EXPECT_TEXT(response.body(),
                    R"({"code":"METHOD_NOT_ALLOWED","detail":"This method is not allowed here: )"
                    R"(see the Allow header","instance":"r-1","status":405,)"
                    R"("title":"Method Not Allowed","type":"about:blank"})");
    }
    // Only errors are sent as problem details.
    auto raw = get();
    raw.accept = "application/problem+json";
    EXPECT_TEXT(service.send(notes(), raw).header("Content-Type"), "application/json");
}

Test(answer, passes_every_api_error_on) {
    Service service;
    for (const auto& row : error_registry()) {
        const std::function<void()> call = [&] {
            throw ApiError{row.error, {{{"body", "x"}, "Why", "because"}}};
        };
        const auto response = service.send_throwing(call, Shape::enveloped);
        cr_expect_eq(response.status(), row.status);
        const auto body = json::parse(response.body());
        EXPECT_TEXT(body["error"]["code"].GetString(), row.code);
        EXPECT_TEXT(body["error"]["message"].GetString(), row.message);
        EXPECT_TEXT(json::canonical(body["error"]["details"]),
                    R"([{"loc":["body","x"],"msg":"Why","type":"because"}])");
        EXPECT_TEXT(response.header("Cache-Control"), "no-store");
        cr_expect_eq(lines(response, "WWW-Authenticate:"), row.status == 401);
        cr_expect_eq(lines(response, "Allow:"), row.status == 405);
        cr_expect_eq(lines(response, "Retry-After: 1\r"), row.status == 503 || row.status == 429);
    }
}

Test(answer, says_when_to_try_again) {
    Service service;
    for (const int seconds : {1, 8, 86'400}) {
        const std::function<void()> call = [&] {
            throw ApiError{Error::service_unavailable, std::chrono::seconds{seconds}};
        };
        const auto response = service.send_throwing(call);
        EXPECT_TEXT(outcome(response), "503 service_unavailable");
        EXPECT_TEXT(response.header("Retry-After"), std::to_string(seconds));
        cr_expect_eq(lines(response, "Retry-After:"), 1);
    }
}

Test(answer, translates_failures_of_the_database) {
    static constexpr struct {
        const char* sqlstate;
        const char* outcome;
    } cases[] = {
        {"23505", "500 internal_error"},
        {"22021", "422 unprocessable_entity"},
        {"22P05", "422 unprocessable_entity"},
        {"22003", "422 unprocessable_entity"},
        {"22001", "422 unprocessable_entity"},
        {"40001", "503 service_unavailable"},
        {"40P01", "503 service_unavailable"},
        {"08000", "503 service_unavailable"},
        {"08006", "503 service_unavailable"},
        {"57P01", "503 service_unavailable"},
        {"57P03", "503 service_unavailable"},
        {"57014", "503 service_unavailable"},
        {"53100", "503 service_unavailable"},
        {"53300", "503 service_unavailable"},
        {"55P03", "503 service_unavailable"},
        {"25006", "503 service_unavailable"},
        {"42601", "500 internal_error"},
        {"42P02", "500 internal_error"},
        {"23514", "500 internal_error"},
        {"XX000", "500 internal_error"},
        {"", "500 internal_error"},
    };
    Service service;
    for (const auto& wanted : cases) {
        const std::function<void()> call = [&] {
            throw DbError{wanted.sqlstate, "password of user \"steel\" at 10.0.0.1"};
        };
        std::optional<Response> response;
        const auto log = written_by([&] { response = service.send_throwing(call); });
        EXPECT_TEXT(outcome(*response), wanted.outcome);
        for (const char* secret : {"password", "steel", "10.0.0.1", "SQLSTATE"})
            cr_expect_not(contains(response->body(), secret), "%s", wanted.sqlstate);
        cr_expect_eq(lines(*response, "Retry-After: 1\r"), response->status() == 503);
        if (response->status() < 500) {
            EXPECT_TEXT(log, "");
            continue;
        }
        const auto line = json::parse(log);
        EXPECT_TEXT(line["level"].GetString(), "error");
        EXPECT_TEXT(line["request_id"].GetString(), "r-1");
        EXPECT_TEXT(line["sqlstate"].GetString(), wanted.sqlstate);
        EXPECT_TEXT(line["reason"].GetString(), "password of user \"steel\" at 10.0.0.1");
    }
}

Test(answer, tells_the_log_and_not_the_client_what_went_wrong) {
    Service service;
    const std::function<void()> call = [] { throw std::logic_error{"row 7 of secrets"}; };
    for (const auto shape : {Shape::plain, Shape::enveloped}) {
        std::optional<Response> response;
        const auto log = written_by([&] { response = service.send_throwing(call, shape, "r-42"); });
        cr_expect_eq(response->status(), 500);
        cr_expect(contains(response->body(), entry(Error::internal_error).message));
        cr_expect(contains(response->body(), "r-42"));
        cr_expect_not(contains(response->body(), "secrets"));
        cr_expect_not(contains(cgi_head(*response), "secrets"));
        const auto line = json::parse(log);
        EXPECT_TEXT(line["level"].GetString(), "error");
        EXPECT_TEXT(line["reason"].GetString(), "row 7 of secrets");
        EXPECT_TEXT(line["request_id"].GetString(), "r-42");
    }
}

Test(answer, survives_whatever_is_thrown) {
    Service service;
    const std::function<void()> calls[] = {
        [] { throw 7; },
        [] { throw "text"; },
        [] { throw std::bad_alloc{}; },
        [] { throw std::string{"text"}; },
        [] { throw boost::system::system_error{make_error_code(boost::system::errc::io_error)}; },
    };
    for (const auto& call : calls) {
        std::optional<Response> response;
        const auto log = written_by([&] { response = service.send_throwing(call); });
        EXPECT_TEXT(outcome(*response), "500 internal_error");
        EXPECT_TEXT(json::parse(log)["request_id"].GetString(), "r-1");
    }
}

// --- headers

Test(answer, lets_no_text_start_a_header) {
    Service service;
    const auto single =
        endpoint_of(operation(Method::post, echoing_header, Auth::none, schema_of<Note>));
    for (const char* text : {R"(a\r\nSet-Cookie: x=1)", R"(a\nb)", R"(a\rb)", R"(\r\n\r\n<html>)",
                             R"(\u007f)", R"(\u0001)"}) {
        auto raw = post();
        const auto body = std::string{R"({"text":")"} + text + R"("})";
        raw.body = body;
        std::optional<Response> response;
        const auto log = written_by([&] { response = service.send(single, raw); });
        EXPECT_TEXT(outcome(*response), "500 internal_error");
        cr_expect_eq(lines(*response, "X-Echo"), 0);
        cr_expect_eq(lines(*response, "Set-Cookie"), 0);
        cr_expect(contains(log, "X-Echo"));
    }
    EXPECT_TEXT(service.send(single, post()).header("X-Echo"), "hello");
}

Test(answer, keeps_the_headers_that_a_handler_gave_it_whatever_it_becomes) {
    static const auto declared =
        endpoint_of(operation(Method::get, throwing_after_a_header), Shape::enveloped);
    const std::function<void()> calls[] = {[] {}, [] { throw ApiError{Error::conflict}; },
                                           [] {
                                               throw DbError{"08006", "gone"};
                                           },
                                           [] { throw std::runtime_error{"unknown"}; }};
    int statuses[] = {204, 409, 503, 500};
    Service service;
    for (int i = 0; i < 4; ++i) {
        thrower() = &calls[i];
        std::optional<Response> response;
        written_by([&] { response = service.send(declared, get()); });
        cr_expect_eq(response->status(), statuses[i]);
        EXPECT_TEXT(response->header("RateLimit"), "r=1");
    }
}

Test(answer, has_one_request_id) {
    Service service;
    const std::string longest(64, 'a');
    for (const std::string& id : {std::string{"r-1"}, std::string{"A.z_0-9"}, longest}) {
        auto raw = get();
        raw.request_id = id;
        EXPECT_TEXT(service.send(notes(), raw).header("X-Request-ID"), id);
    }
    std::vector<std::string> made;
    for (const std::string& id :
         {std::string{}, longest + "a", std::string{"a b"}, std::string{"a\r\nSet-Cookie: x"},
          std::string{"a/b"}, std::string{"\xc3\xa4"}, std::string{"a\0b", 3}, std::string{"\""}}) {
        auto raw = get();
        raw.request_id = id;
        for (const char* target : {"/notes", "/elsewhere"}) {
            raw.target = target;
            const auto response = service.send(notes(), raw);
            made.emplace_back(response.header("X-Request-ID"));
            cr_expect(Uuid::parse(made.back()).has_value(), "%s", shown(made.back()).c_str());
            cr_expect_eq(lines(response, "X-Request-ID:"), 1);
            if (response.status() == 404)
                EXPECT_TEXT(json::parse(response.body())["request_id"].GetString(), made.back());
        }
    }
    std::sort(made.begin(), made.end());
    cr_expect(std::adjacent_find(made.begin(), made.end()) == made.end());
}

Test(answer, sends_each_security_header_once) {
    Service service;
    std::vector<Response> responses;
    responses.push_back(service.send(notes(), get()));
    responses.push_back(service.send(notes(), request("GET", "/elsewhere")));
    responses.push_back(service.send(notes(), request("HEAD", "/notes")));
    responses.push_back(service.send(notes(), request("OPTIONS", "/notes")));
    responses.push_back(service.send(notes(), post()));
    responses.push_back(service.send(notes(), with_token(post(), "")));
    auto conditional = get();
    conditional.if_none_match = "*";
    responses.push_back(service.send(notes(), conditional));
    responses.push_back(
        service.send(endpoint_of(operation(Method::get, headers_of_its_own)), get()));
    for (const auto& response : responses) {
        cr_expect_eq(lines(response, "X-Content-Type-Options:"), 1, "%d", response.status());
        cr_expect_eq(lines(response, "X-Content-Type-Options: nosniff\r"), 1);
        cr_expect_eq(lines(response, "Referrer-Policy:"), 1);
        cr_expect_eq(lines(response, "Referrer-Policy: no-referrer\r"), 1);
        cr_expect_eq(lines(response, "X-Request-ID:"), 1);
        cr_expect_leq(lines(response, "Content-Type:"), 1);
        cr_expect_leq(lines(response, "Cache-Control:"), 1);
        cr_expect_eq(lines(response, "Vary:"), 1);
        cr_expect_eq(lines(response, "Vary: Origin\r"), 1);
    }
}

Test(answer, says_what_may_be_stored) {
    Service service;
    const auto cache_control = [&](Handler handler, Auth auth) {
        const auto single = endpoint_of(operation(Method::get, handler, auth));
        const auto bearer = service.bearer();
        auto raw = get();
        raw.authorization = bearer;
        return std::string{service.send(single, raw).header("Cache-Control")};
    };
    EXPECT_TEXT(cache_control(note_with_etag, Auth::none), "no-cache, no-transform");
    EXPECT_TEXT(cache_control(note, Auth::none), "no-store");
    EXPECT_TEXT(cache_control(note_with_etag, Auth::user), "no-store, no-transform");
    EXPECT_TEXT(cache_control(note, Auth::user), "no-store");
    EXPECT_TEXT(service.send(notes(), request("GET", "/x")).header("Cache-Control"), "no-store");
}

Test(answer, is_json_unless_it_says_otherwise) {
    Service service;
    EXPECT_TEXT(service.send(notes(), get()).header("Content-Type"), "application/json");
    EXPECT_TEXT(service.send(endpoint_of(operation(Method::get, headers_of_its_own)), get())
                    .header("Content-Type"),
                "application/octet-stream");
}

Test(answer, has_no_content_without_content) {
    Service service;
    const auto response = service.send(endpoint_of(operation(Method::get, nothing)), get());
    cr_expect_eq(response.status(), 204);
    EXPECT_TEXT(response.body(), "");
    cr_expect_eq(lines(response, "Content-Type:"), 0);
    cr_expect_eq(lines(response, "Content-Length:"), 0);
}

// --- conditional requests and HEAD

Test(answer, tells_a_client_that_it_has_the_newest) {
    Service service;
    const auto etag = entity_tag(note_json);
    for (const auto& field : {etag, "W/" + etag, "\"x\", " + etag, std::string{"*"}})
        for (const char* method : {"GET", "HEAD"}) {
            auto raw = get();
            raw.method = method;
            raw.if_none_match = field;
            const auto response = service.send(notes(), raw);
            cr_expect_eq(response.status(), 304, "%s", field.c_str());
            EXPECT_TEXT(response.body(), "");
            EXPECT_TEXT(response.etag(), etag);
            cr_expect_eq(lines(response, "ETag: " + etag + "\r"), 1);
            EXPECT_TEXT(response.header("Cache-Control"), "no-cache, no-transform");
            EXPECT_TEXT(response.header("Vary"), "Origin");
            cr_expect_eq(lines(response, "Content-Type:"), 0);
            cr_expect_eq(lines(response, "Content-Length:"), 0);
        }
    for (const auto& field : {std::string{}, std::string{"\"x\""}, etag + "x", std::string{"x"}}) {
        auto raw = get();
        raw.if_none_match = field;
        const auto response = service.send(notes(), raw);
        cr_expect_eq(response.status(), 200, "%s", field.c_str());
        EXPECT_TEXT(response.body(), note_json);
    }
}

// RFC 9110, sections 13.1.1 and 13.2.2.
Test(answer, reads_under_if_match) {
    Service service;
    const auto etag = entity_tag(note_json);
    const auto status = [&](std::string_view method, const std::string& if_match,
                            const std::string& if_none_match = "") {
        auto raw = get();
        raw.method = method;
        raw.if_match = if_match;
        raw.if_none_match = if_none_match;
        const auto response = service.send(notes(), raw);
        if (response.status() == 412) EXPECT_TEXT(response.etag(), "");
        return response.status();
    };
    for (const char* method : {"GET", "HEAD"}) {
        for (const auto& field : {std::string{"*"}, etag, "\"x\", " + etag})
            cr_expect_eq(status(method, field), 200, "%s", field.c_str());
        for (const auto& field : {std::string{"\"x\""}, "W/" + etag, std::string{"x"}})
            cr_expect_eq(status(method, field), 412, "%s", field.c_str());
        // If-Match is evaluated first.
        cr_expect_eq(status(method, etag, etag), 304);
        cr_expect_eq(status(method, "\"x\"", etag), 412);
    }
    // A resource without an ETag has no state to compare, and an error takes precedence.
    auto raw = get();
    raw.if_match = "\"x\"";
    cr_expect_eq(service.send(endpoint_of(operation(Method::get, note)), raw).status(), 200);
    raw.target = "/elsewhere";
    cr_expect_eq(service.send(notes(), raw).status(), 404);
    // A POST does not compare its condition with the state of its path's resource.
    raw = post();
    raw.if_match = "\"x\"";
    cr_expect_eq(service.send(notes(), raw).status(), 201);
}

Test(answer, says_not_modified_to_a_successful_get_only) {
    Service service;
    auto raw = post();
    raw.if_none_match = "*";
    const auto created = service.send(notes(), raw);
    cr_expect_eq(created.status(), 201);
    EXPECT_TEXT(created.etag(), entity_tag(note_json));

    raw = get();
    raw.if_none_match = "*";
    // Another status, no ETag, or an error.
    cr_expect_eq(
        service.send(endpoint_of(operation(Method::get, accepted_with_etag)), raw).status(), 202);
    cr_expect_eq(service.send(endpoint_of(operation(Method::get, note)), raw).status(), 200);
    cr_expect_eq(service.send(endpoint_of(operation(Method::get, nothing)), raw).status(), 204);
    raw.target = "/elsewhere";
    cr_expect_eq(service.send(notes(), raw).status(), 404);
    raw.target = "/notes";
    raw.method = "OPTIONS";
    cr_expect_eq(service.send(notes(), raw).status(), 204);
}

// A write whose response has an ETag must evaluate If-Match.
Test(answer, fails_where_a_handler_ignores_the_condition) {
    Service service;
    auto raw = get();
    for (const auto& [method, name] :
         {std::pair{Method::put, "PUT"}, {Method::patch, "PATCH"}, {Method::delete_, "DELETE"}}) {
        raw.method = name;
        Response response{0, {}};
        const auto log = written_by(
            [&] { response = service.send(endpoint_of(operation(method, note_with_etag)), raw); });
        cr_expect_eq(response.status(), 500);
        cr_expect_neq(log.find("the handler must use Request::condition()"), log.npos, "%s",
                      log.c_str());
    }
    raw.method = "POST";
    cr_expect_eq(service.send(endpoint_of(operation(Method::post, note_with_etag)), raw).status(),
                 200);
}

Test(answer, leaves_the_body_out_for_head) {
    Service service;
    for (const char* target : {"/notes", "/elsewhere"}) {
        auto raw = get();
        raw.target = target;
        raw.request_id = "r-1";
        const auto full = service.send(notes(), raw);
        raw.method = "HEAD";
        const auto head = service.send(notes(), raw);
        cr_expect_eq(head.status(), full.status());
        EXPECT_TEXT(head.body(), "");
        EXPECT_TEXT(cgi_head(head), cgi_head(full));
        cr_expect_eq(lines(head, "Content-Length: " + std::to_string(full.body().size()) + "\r"),
                     1);
    }
}

// --- other origins

Test(answer, names_an_allowed_origin_only) {
    Service service;
    for (const char* origin :
         {"http://localhost:3001", "https://app.example.org", "https://front.example.org"})
        for (const char* target : {"/notes", "/elsewhere"}) {
            auto raw = get();
            raw.origin = origin;
            raw.target = target;
            const auto response = service.send(notes(), raw);
            EXPECT_TEXT(response.header("Access-Control-Allow-Origin"), origin);
            EXPECT_TEXT(response.header("Access-Control-Allow-Credentials"), "true");
            EXPECT_TEXT(response.header("Access-Control-Expose-Headers"),
                        "ETag, Location, Retry-After, X-Request-ID, RateLimit, RateLimit-Policy, "
                        "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset");
            EXPECT_TEXT(response.header("Vary"), "Origin");
        }
    for (const char* origin :
         {"", "null", "*", "http://localhost:3002", "https://localhost:3001",
          "http://localhost:30011", "http://LOCALHOST:3001", "http://localhost:3001/",
          "https://evil.example/https://app.example.org", "https://app.example.org.evil.example"}) {
        auto raw = get();
        raw.origin = origin;
        const auto response = service.send(notes(), raw);
        cr_expect_eq(response.status(), 200);
        cr_expect_eq(lines(response, "Access-Control"), 0, "%s", origin);
        EXPECT_TEXT(response.header("Vary"), "Origin");
    }
}

Test(answer, answers_a_preflight) {
    Service service;
    auto raw = request("OPTIONS", "/notes");
    raw.origin = "https://app.example.org";
    raw.access_control_request_method = "PATCH";
    raw.access_control_request_headers = "authorization,if-match,sentry-trace,baggage";
    const auto response = service.send(notes(), raw);
    cr_expect_eq(response.status(), 204);
    EXPECT_TEXT(response.header("Access-Control-Allow-Origin"), "https://app.example.org");
    EXPECT_TEXT(response.header("Access-Control-Allow-Methods"), "GET, HEAD, POST, PATCH, OPTIONS");
    EXPECT_TEXT(response.header("Access-Control-Allow-Headers"),
                "authorization,if-match,sentry-trace,baggage");
    EXPECT_TEXT(response.header("Access-Control-Max-Age"), "600");
    cr_expect_eq(lines(response, "Access-Control-Expose-Headers"), 0);
    cr_expect_eq(lines(response, "Content-"), 0);

    const std::string endless(1025, 'x');
    for (const std::string& names : {std::string{}, std::string{"x\ty"}, std::string{"\xc3\xa9"},
                                     std::string{"a;b"}, endless}) {
        raw.access_control_request_headers = names;
        cr_expect_eq(lines(service.send(notes(), raw), "Access-Control-Allow-Headers"), 0);
    }
    raw.origin = "https://evil.example";
    cr_expect_eq(lines(service.send(notes(), raw), "Access-Control"), 0);
    raw.origin = "https://app.example.org";
    raw.target = "/elsewhere";
    const auto unknown = service.send(notes(), raw);
    cr_expect_eq(unknown.status(), 404);
    cr_expect_eq(lines(unknown, "Access-Control-Allow-Methods"), 0);
}

// --- the log

Test(answer, logs_each_request_without_its_query) {
    Service service;
    logging::set_level(logging::Level::debug);
    auto raw = get();
    raw.target = "/notes?ticket=secret";
    raw.request_id = "r-1";
    const auto bearer = service.bearer();
    raw.authorization = bearer;
    const auto text = written_by([&] { service.send(notes(), raw); });
    const auto line = json::parse(text);
    EXPECT_TEXT(line["message"].GetString(), "request");
    EXPECT_TEXT(line["request_id"].GetString(), "r-1");
    EXPECT_TEXT(line["method"].GetString(), "GET");
    EXPECT_TEXT(line["path"].GetString(), "/notes");
    cr_expect_eq(line["status"].GetInt(), 200);
    cr_expect_geq(line["microseconds"].GetInt(), 0);
    cr_expect_not(contains(text, "secret"));
    cr_expect_not(contains(text, bearer.substr(7)));
    logging::set_level(logging::Level::info);
    EXPECT_TEXT(written_by([&] { service.send(notes(), raw); }), "");
}
