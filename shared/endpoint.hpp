// The declaration of an endpoint: its paths and, for each method, who may call it, what it takes
// and what it answers. Routes, validation, documentation, tests and the processes' settings follow
// from it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/async.hpp"
#include "shared/auth/auth_rules.hpp"
#include "shared/config/setting_group.hpp"
#include "shared/error.hpp"
#include "shared/http/conditional.hpp"
#include "shared/http/method.hpp"
#include "shared/http/target.hpp"
#include "shared/json/fields.hpp"

class Request;
class Response;
struct Context;

// Where the operation needs the caller's row in `users`, a foreign key that refuses the handler's
// batch makes the handler run once more, with a batch that creates the row.
using Handler = Async<Response> (*)(const Request& request, Context& context);

// The shape of an endpoint's bodies and errors. `plain` bodies are the resource itself; `enveloped`
// ones are {"data","message","success"}.
enum class Shape { plain, enveloped };

// The limit that counts a call and that its answers report: the limit on requests of an API key
// (RATE_LIMIT), which counts every request; on writes of a user (USER_RATE_LIMIT), which does not
// count requests without a body of the right size and type; or on attempts to log in or sign up
// (LOGIN_RATE_LIMIT), which does not count requests with an invalid body.
enum class Limit { none, requests, writes, attempts };

// The JSON Schema of a request or response body, as canonical JSON; null for no body.
using JsonSchema = std::string (*)();

template <class T>
inline constexpr JsonSchema schema_of = &json::schema<T>;

// The answer of an operation that succeeds. Made by the functions below.
struct Answer {
    int status = 200;
    JsonSchema schema = nullptr;
    bool has_etag = false;  // set by the handler, or computed from the body
    bool has_location = false;
    bool may_exist = false;  // 200 with the same body, but no message, if nothing was created
    bool is_page = false;    // has pagination
    bool is_stream = false;  // lasts until either side closes it
    bool has_html = false;   // nginx sends nginx/docs/start.html to a browser instead

    constexpr Answer with_etag() const {
        auto answer = *this;
        answer.has_etag = true;
        return answer;
    }
    constexpr Answer with_location() const {
        auto answer = *this;
        answer.has_location = true;
        return answer;
    }
    constexpr Answer or_existing() const {
        auto answer = *this;
        answer.may_exist = true;
        return answer;
    }
    constexpr Answer with_html() const {
        auto answer = *this;
        answer.has_html = true;
        return answer;
    }
};

// 200 with a T.
template <class T>
constexpr Answer ok() {
    return {.schema = schema_of<T>};
}

// 201 with a T.
template <class T>
constexpr Answer created() {
    return {.status = 201, .schema = schema_of<T>};
}

// 200 with a page of a list of T, and the ETag of that page.
template <class T>
constexpr Answer page_of() {
    return {.schema = schema_of<std::vector<T>>, .has_etag = true, .is_page = true};
}

constexpr Answer no_content() { return {.status = 204}; }

// 200 with Server-Sent Events.
constexpr Answer event_stream() { return {.is_stream = true}; }

// 101: the connection becomes a WebSocket.
constexpr Answer websocket() { return {.status = 101, .is_stream = true}; }

struct Operation {
    Method method;
    Handler handler;
    Auth auth = Auth::none;
    std::string_view name = {};  // for generated clients: a verb and a noun, in camel case
    std::string_view summary;
    std::string_view description = {};    // what it does and when it is refused, in Markdown
    JsonSchema query_schema = nullptr;    // an object whose properties are the parameters
    JsonSchema request_schema = nullptr;  // set if the operation takes a JSON body
    bool is_body_optional = false;
    Answer answer;
    std::string_view message = {};  // of an enveloped success
    IfMatch if_match = IfMatch::optional;
    bool takes_idempotency_key = false;  // the handler uses a RequestKey
    // Each flag says that the handler calls a function. The endpoint's processes then get the
    // settings of that function (setting_groups()). An endpoint that hashes passwords has two
    // processes and more time, because a hash takes a third of a second.
    bool counts_attempts = false;    // count_attempt()
    bool hashes_passwords = false;   // Passwords
    bool issues_tokens = false;      // Tokens::issue()
    std::vector<Error> errors = {};  // in addition to those that the declaration implies
};

constexpr Limit limit_of(const Operation& operation) {
    if (operation.counts_attempts) return Limit::attempts;
    const auto& rule = rule_of(operation.auth);
    if (rule.counts_requests) return Limit::requests;
    return rule.takes_token && operation.method != Method::get ? Limit::writes : Limit::none;
}

// The JSON Schema of a row's id.
inline std::string row_id_schema() { return R"({"format":"int64","minimum":1,"type":"integer"})"; }

// The maximum size of a request body, unless the endpoint declares another one.
inline constexpr std::size_t default_max_body = 65'536;

struct Endpoint {
    // A template: /collab/tasks/{id}. Its parameters are {user_id} and {id}. Paths that begin with
    // /api/v1/ are served below API_PREFIX.
    std::string_view path;
    JsonSchema id_schema = row_id_schema;  // of {id}
    // Further templates of the same resource. One without {user_id} refers to the caller.
    std::vector<std::string_view> also_at = {};
    Shape shape = Shape::plain;
    std::string_view tag = {};  // in the documentation; by default the first noun of the path
    std::size_t max_body = default_max_body;  // bytes; a longer body is 413
    std::vector<Operation> operations;
    // Serves instead of serve_fastcgi() if the protocol is not FastCGI.
    void (*serve)(int listener, Loop& loop, const Endpoint& endpoint, Context& context) = nullptr;
};

// Whether an operation evaluates If-Match and If-None-Match (RFC 9110, section 13.2.1): every one
// on a resource with an ETag does, except POST, which changes another resource than its path
// represents. The handler of a write passes Request::condition() to its statement.
bool takes_preconditions(const Endpoint& declared, const Operation& operation);

// The settings that the endpoint's processes get: the groups that its declaration calls for.
SettingGroups setting_groups(const Endpoint& declared);

// The parameters of a target that matches one of the endpoint's paths, with `api_prefix` in place
// of /api/v1; see match_path(). Returns nullopt for any other target.
std::optional<PathParameters> match_endpoint(const Endpoint& declared, std::string_view target,
                                             std::string_view api_prefix);

// A declared path as clients write it, with `api_prefix` in place of /api/v1.
std::string mounted(std::string_view path, std::string_view api_prefix);

// Each handler file defines this function: the endpoint that its executable serves. main()
// (shared/main.cpp) calls it.
Endpoint endpoint();

// The field value of Allow: every declared method, HEAD with GET, and OPTIONS.
std::string allowed_methods(const Endpoint& declared);

// The endpoint as canonical JSON: {"allow","also_at","hashes_passwords","is_stream","is_websocket",
// "max_body","name","operations":[{"answer":{"etag","existing","html","location","page","schema","status",
// "stream"},"auth","description","errors","idempotency_key","if_match","limit","message","method",
// "name","query","request","request_optional","summary"}],"parameters","path","settings","shape","tag"}.
// "if_match" is none, optional or required; "limit" none, requests, writes or attempts;
// "parameters" holds the schema of each one in the path; "settings" lists groups
// (setting_group.hpp). Routes, documentation and tests are made from it.
std::string describe(const Endpoint& declared, std::string_view name);
