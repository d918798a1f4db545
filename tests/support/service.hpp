// One endpoint in process, on a database of its own with the whole schema: how handler tests send
// requests without nginx.
#pragma once

#include <criterion/criterion.h>
#include <rapidjson/document.h>

#include <memory>
#include <string>
#include <string_view>

#include "shared/handler.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

// A test that is passed with both engines, with `service`, the service of `endpoint()`.
#define ON_BOTH_ENGINES(suite, name) ON_BOTH(suite, name, Service, service, endpoint())

// A request; what is empty is not sent.
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
    // On a database of the caller's, or one that is not there.
    Service(Endpoint endpoint, const std::string& database_url);
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    // Sends a request to the endpoint and runs the loop until it is answered.
    Response send(const Sent& sent) { return std::move(send_all({sent}).front()); }

    // Sends them all at once and waits for all answers, in the order of the requests.
    std::vector<Response> send_all(const std::vector<Sent>& sent);

    // "Bearer …" of an account, which it makes where there is none. On a database of the caller's,
    // that is the caller's to do.
    std::string bearer(const std::string& user_id = "11111111-2222-4333-8444-555555555555") const;

    // The same of another issuer, which makes nothing.
    std::string foreign_bearer(const std::string& user_id, const std::string& more = "") const;

    // A POST, PATCH … with a JSON body and a token.
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

// The body of a response as a document; fails the test when it is no JSON.
rapidjson::Document json_of(const Response& response);

// A string member, "<null>" for null, "<absent>" when there is none.
std::string member(const rapidjson::Value& object, const char* name);

// The canonical JSON of the `data` of an answer of the surface /api. Fails the test unless the
// answer is whole, with this message, and its ETag, if it has one, is that of what it holds.
std::string data_of(const Response& response, const char* message = nullptr);

// Fails the test unless the response is this error, whole, in the shape of the endpoint's surface:
// status, code or type, and the request id of the header.
void expect_error(const Response& response, Error error);

// The same for a 422 with one detail of this type at this place ("body.title").
void expect_detail(const Response& response, const char* location, const char* type);
