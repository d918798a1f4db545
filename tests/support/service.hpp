// One endpoint in this process, on a database of its own with the whole schema. Handler tests use
// it to send requests without nginx.
#pragma once

#include <criterion/criterion.h>
#include <rapidjson/document.h>

#include <memory>
#include <string>
#include <string_view>

#include "shared/handler.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

// Defines a test that must pass on both engines, with `service`, the service of `endpoint()`.
#define ON_BOTH_ENGINES(suite, name) ON_BOTH(suite, name, Service, service, endpoint())

// A request. Empty members are not sent.
struct Sent {
    std::string method = "GET";
    std::string target = {};
    std::string body = {};
    std::string content_type = {};
    std::string authorization = {};
    std::string if_match = {};
    std::string if_none_match = {};
    std::string accept = {};
    std::string origin = {};
    std::string access_control_request_method = {};
    std::string remote_address = {};
    std::string request_id = {};
    std::string api_key = {};
    std::string idempotency_key = {};
};

class Service {
public:
    Service(Endpoint endpoint, Engine engine);
    // Uses a database of the caller, or one that does not exist.
    Service(Endpoint endpoint, const std::string& database_url);
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    // Sends a request to the endpoint and runs the loop until it is answered.
    Response send(const Sent& sent) { return std::move(send_all({sent}).front()); }

    // Sends the requests concurrently and returns the responses in the order of the requests.
    std::vector<Response> send_all(const std::vector<Sent>& sent);

    // Returns "Bearer …" for an account, which is created if it is missing. On the caller's
    // database the caller must create it.
    std::string bearer(const std::string& user_id = "11111111-2222-4333-8444-555555555555") const;

    // The same from another issuer. No account is created.
    std::string foreign_bearer(const std::string& user_id, const std::string& more = "") const;

    // A request with a JSON body and a token: POST, PATCH, …
    Sent with_token(std::string method, std::string target, std::string body = {}) const;

    const Endpoint& served() const { return endpoint_; }
    TestDatabase& database() { return *own_; }
    Context& context() { return *context_; }
    Config& config() { return config_; }
    Loop& loop() { return loop_; }

private:
    Service(Endpoint endpoint, std::unique_ptr<TestDatabase> own);

    const Endpoint endpoint_;
    std::unique_ptr<TestDatabase> own_;
    Config config_;
    Loop loop_{1};
    std::unique_ptr<Database> db_;
    std::unique_ptr<Tokens> tokens_;
    ApiKeys api_keys_{config_};
    std::unique_ptr<Passwords> passwords_;
    ProcessState state_;
    std::unique_ptr<Context> context_;
};

// Parses the body of a response. Fails the test if it is malformed JSON.
rapidjson::Document json_of(const Response& response);

// Returns a string member, "<null>" for null, or "<absent>" if there is no such member.
std::string member(const rapidjson::Value& object, const char* name);

// Whether an ETag names an unchanged list and not a body.
bool is_list_tag(std::string_view etag);

// Returns the canonical JSON of the `data` of an enveloped response. Fails the test unless the
// response is complete, has this message, and an ETag, if any, matches the data or is that of a
// list.
std::string data_of(const Response& response, const char* message = nullptr);

// Fails the test unless the response is exactly this error in the endpoint's shape: status, code or
// type, and the request id of the header.
void expect_error(const Response& response, Error error);

// The same for a 422 with one detail of this type at this location ("body.title").
void expect_detail(const Response& response, const char* location, const char* type);

// Fails the test unless USER_RATE_LIMIT counts requests like this one, whatever their response, for
// each caller alone: `of_another` is the same request from another user, or with another API key.
void expect_limits_writes(Service& service, const Sent& sent, const Sent& of_another);
// The same, with the other user's request made from `sent`, whose path must not contain a user.
void expect_limits_writes(Service& service, const Sent& sent);
