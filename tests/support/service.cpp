#include "tests/support/service.hpp"

#include "shared/server/raw_request.hpp"
#include "shared/server/serve.hpp"

namespace {

RawRequest raw_of(const Sent& sent) {
    RawRequest raw;
    raw.method = sent.method;
    raw.target = sent.target;
    raw.is_body_too_large = sent.body.size() > max_body_bytes;
    if (!raw.is_body_too_large) raw.body = sent.body;
    raw.content_type = sent.content_type;
    raw.authorization = sent.authorization;
    raw.if_match = sent.if_match;
    raw.if_none_match = sent.if_none_match;
    raw.accept = sent.accept;
    raw.origin = sent.origin;
    raw.access_control_request_method = sent.access_control_request_method;
    raw.request_id = sent.request_id;
    return raw;
}

Async<> keep(const Sent& sent, Context& context, std::optional<Response>& kept) {
    const RawRequest raw = raw_of(sent);
    auto response = co_await answer(raw, endpoint, context);
    kept = std::move(response);
}

}  // namespace

Service::Service(Engine engine) : Service(std::make_unique<TestDatabase>(engine)) {}

Service::Service(std::unique_ptr<TestDatabase> own) : Service(own->url()) { own_ = std::move(own); }

Service::Service(const std::string& database_url)
    : config_(test_config(database_url)),
      db_(open_database(config_, loop_)),
      tokens_(std::make_unique<Tokens>(config_)),
      passwords_(std::make_unique<Passwords>(static_cast<int>(config_.bcrypt_cost))),
      context_(new Context{config_, *db_, *tokens_, *passwords_, kept_}) {}

Service::~Service() {
    db_->close();
    loop_.restart();
    loop_.run();
}

std::vector<Response> Service::send_all(const std::vector<Sent>& sent) {
    std::vector<std::optional<Response>> responses(sent.size());
    std::size_t waiting = sent.size();
    for (std::size_t i = 0; i < sent.size(); ++i)
        spawn(loop_, keep(sent[i], *context_, responses[i]),
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
    return "Bearer " + tokens_->issue({user_id, "somebody@example.org"});
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

void expect_error(const Response& response, Error error) {
    const auto& row = entry(error);
    cr_assert(response.status() == row.status, "status %d instead of %d: %.*s", response.status(),
              row.status, static_cast<int>(response.body().size()), response.body().data());
    const auto body = json_of(response);
    EXPECT_TEXT(member(body, "type"), std::string{row.type});
    EXPECT_TEXT(member(body, "message"), std::string{row.message});
    EXPECT_TEXT(member(body, "request_id"), std::string{response.header("X-Request-ID")});
}

void expect_detail(const Response& response, const char* location, const char* type) {
    expect_error(response, Error::validation_error);
    const auto body = json_of(response);
    cr_assert(body.HasMember("details"));
    cr_assert(body["details"].Size() == 1, "%.*s", static_cast<int>(response.body().size()),
              response.body().data());
    const auto& detail = body["details"][0];
    std::string path;
    for (const auto& step : detail["loc"].GetArray())
        path += (path.empty() ? "" : ".") +
                (step.IsString() ? std::string{step.GetString()} : std::to_string(step.GetInt64()));
    EXPECT_TEXT(path, location);
    EXPECT_TEXT(detail["type"].GetString(), type);
}
