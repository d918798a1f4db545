#include "tests/support/service.hpp"

#include "shared/digest.hpp"
#include "shared/server/raw_request.hpp"
#include "shared/server/serve.hpp"
#include "tests/support/signer.hpp"

namespace {

// The shape of the endpoint under test. A test has only one.
Shape shape{};

RawRequest raw_of(const Sent& sent, std::size_t max_body) {
    RawRequest raw;
    raw.method = sent.method;
    raw.target = sent.target;
    raw.is_body_too_large = sent.body.size() > max_body;
    if (!raw.is_body_too_large) raw.body = sent.body;
    raw.content_type = sent.content_type;
    raw.authorization = sent.authorization;
    raw.if_match = sent.if_match;
    raw.if_none_match = sent.if_none_match;
    raw.accept = sent.accept;
    raw.origin = sent.origin;
    raw.access_control_request_method = sent.access_control_request_method;
    raw.remote_address = sent.remote_address;
    raw.request_id = sent.request_id;
    raw.api_key = sent.api_key;
    raw.idempotency_key = sent.idempotency_key;
    return raw;
}

Async<> keep(const Sent& sent, const Endpoint& served, Context& context,
             std::optional<Response>& kept) {
    const RawRequest raw = raw_of(sent, served.max_body);
    auto response = co_await answer(raw, served, context);
    kept = std::move(response);
}

}  // namespace

Service::Service(Endpoint endpoint, Engine engine)
    : Service(std::move(endpoint), std::make_unique<TestDatabase>(engine)) {}

Service::Service(Endpoint endpoint, std::unique_ptr<TestDatabase> own)
    : Service(std::move(endpoint), own->url()) {
    own_ = std::move(own);
}

Service::Service(Endpoint endpoint, const std::string& database_url)
    : endpoint_(std::move(endpoint)),
      config_(test_config(database_url, setting_groups(endpoint_))),
      db_(open_database(config_, loop_)),
      tokens_(std::make_unique<Tokens>(config_)),
      passwords_(std::make_unique<Passwords>(static_cast<int>(config_.bcrypt_cost))),
      context_(new Context{config_, *db_, *tokens_, api_keys_, *passwords_, state_}) {
    shape = endpoint_.shape;
}

Service::~Service() {
    db_->close();
    loop_.restart();
    loop_.run();
}

std::vector<Response> Service::send_all(const std::vector<Sent>& sent) {
    std::vector<std::optional<Response>> responses(sent.size());
    std::size_t waiting = sent.size();
    for (std::size_t i = 0; i < sent.size(); ++i)
        spawn(loop_, keep(sent[i], endpoint_, *context_, responses[i]),
              [&](const std::exception_ptr& failure) {
                  rethrow(failure);
                  --waiting;
              });
    loop_.restart();
    while (waiting > 0 && loop_.run_one() > 0) continue;
    cr_assert_eq(waiting, 0, "the loop ended without an answer");
    std::vector<Response> given;
    for (auto& response : responses) given.push_back(std::move(*response));
    return given;
}

std::string Service::bearer(const std::string& user_id) const {
    if (own_) own_->add_user(user_id);
    return "Bearer " + tokens_->issue({user_id, "somebody@example.org"});
}

std::string Service::foreign_bearer(const std::string& user_id, const std::string& more) const {
    return "Bearer " + foreign_token(user_id, more);
}

Sent Service::with_token(std::string method, std::string target, std::string body) const {
    return {.method = std::move(method),
            .target = std::move(target),
            .body = body,
            .content_type = body.empty() ? "" : "application/json",
            .authorization = bearer()};
}

rapidjson::Document json_of(const Response& response) {
    rapidjson::Document document;
    document.Parse(response.body().data(), response.body().size());
    cr_assert(!document.HasParseError(), "no JSON: %.*s", static_cast<int>(response.body().size()),
              response.body().data());
    return document;
}

std::string member(const rapidjson::Value& object, const char* name) {
    const auto found = object.FindMember(name);
    if (found == object.MemberEnd()) return "<absent>";
    if (found->value.IsNull()) return "<null>";
    cr_assert(found->value.IsString(), "%s is no string", name);
    return found->value.GetString();
}

bool is_list_tag(std::string_view etag) { return etag.size() > 18 && etag[17] == '.'; }

std::string data_of(const Response& response, const char* message) {
    const auto body = json_of(response);
    cr_assert(body.HasMember("data"), "%s", shown(response.body()).c_str());
    const auto data = json::canonical(body["data"]);
    const bool is_page = body.HasMember("pagination");
    const auto pagination = is_page ? json::canonical(body["pagination"]) : "";
    const auto rest = std::string{R"(,"message":)"} +
                      (message ? json::write(std::string{message}) : "null") +
                      (is_page ? R"(,"pagination":)" + pagination : "") + R"(,"success":true})";
    EXPECT_TEXT(response.body(), R"({"data":)" + data + rest);
    if (!response.etag().empty() && !(is_page && is_list_tag(response.etag())))
        EXPECT_TEXT(response.etag(), entity_tag(data + pagination));
    return data;
}

void expect_error(const Response& response, Error error) {
    const auto& row = entry(error);
    cr_assert(response.status() == row.status, "status %d instead of %d: %.*s", response.status(),
              row.status, static_cast<int>(response.body().size()), response.body().data());
    const auto body = json_of(response);
    const bool is_enveloped = shape == Shape::enveloped;
    if (is_enveloped) cr_assert(body.HasMember("error") && body["success"].IsFalse());
    const auto& told = is_enveloped ? body["error"] : static_cast<const rapidjson::Value&>(body);
    EXPECT_TEXT(member(told, is_enveloped ? "code" : "type"),
                std::string{is_enveloped ? row.code : row.type});
    EXPECT_TEXT(member(told, "message"), std::string{row.message});
    EXPECT_TEXT(member(told, "request_id"), std::string{response.header("X-Request-ID")});
}

void expect_detail(const Response& response, const char* location, const char* type) {
    expect_error(response, Error::validation_error);
    const auto body = json_of(response);
    const auto& told =
        shape == Shape::enveloped ? body["error"] : static_cast<const rapidjson::Value&>(body);
    cr_assert(told.HasMember("details"), "%s", shown(response.body()).c_str());
    cr_assert(told["details"].Size() == 1, "%s", shown(response.body()).c_str());
    const auto& detail = told["details"][0];
    std::string path;
    for (const auto& step : detail["loc"].GetArray())
        path += (path.empty() ? "" : ".") +
                (step.IsString() ? std::string{step.GetString()} : std::to_string(step.GetInt64()));
    EXPECT_TEXT(path, location);
    EXPECT_TEXT(detail["type"].GetString(), type);
}

void expect_limits_writes(Service& service, const Sent& sent, const Sent& of_another) {
    service.config().user_rate_limit = Rate{3, std::chrono::hours{1}};
    for (const char* remaining : {"2", "1", "0"}) {
        const auto response = service.send(sent);
        cr_expect_neq(response.status(), 429);
        EXPECT_TEXT(response.header("X-RateLimit-Limit"), "3");
        EXPECT_TEXT(response.header("X-RateLimit-Remaining"), remaining);
        EXPECT_TEXT(response.header("RateLimit-Policy"), R"("default";q=3;w=3600)");
        cr_expect(!response.header("RateLimit").empty());
        cr_expect(!response.header("X-RateLimit-Reset").empty());
    }
    const auto limited = service.send(sent);
    expect_error(limited, Error::rate_limited);
    cr_expect_gt(std::stoi(std::string{limited.header("Retry-After")}), 1000);
    EXPECT_TEXT(limited.header("X-RateLimit-Remaining"), "0");
    EXPECT_TEXT(service.send(of_another).header("X-RateLimit-Remaining"), "2");
}

void expect_limits_writes(Service& service, const Sent& sent) {
    auto of_another = sent;
    of_another.authorization = service.bearer("another user");
    expect_limits_writes(service, sent, of_another);
}
