// What an endpoint is: its paths, and for each method who may call it, what it takes and what it
// answers. Routes, validation, documentation and tests follow from this declaration.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/async.hpp"
#include "shared/error.hpp"
#include "shared/http/method.hpp"
#include "shared/json/fields.hpp"

class Request;
class Response;
struct Context;

using Handler = Async<Response> (*)(const Request& request, Context& context);

// The surface that an endpoint belongs to: it decides the shape of bodies and errors.
enum class Family { probe, orchestrator, api };

// Who may call an operation. `user` proves a token before the handler runs; `owner` proves as well
// that the {user_id} of the path is the token's. `key` proves an API key, whose requests are
// limited by RATE_LIMIT. `user_or_key` takes either; `reader` proves whatever is sent of these, or
// a ticket, and lets those in who send nothing.
enum class Auth { none, user, owner, key, user_or_key, reader };

// What is counted, and told in the answers: the requests of an API key (RATE_LIMIT), whatever their
// bodies, or attempts to log in or sign up (LOGIN_RATE_LIMIT), of which a faulty body is none.
enum class Limit { none, requests, attempts };

// The JSON Schema of a request or response body, as canonical JSON; null for no body.
using Schema = std::string (*)();

struct Answer {
    int status;  // 101 for a WebSocket
    Schema schema = nullptr;
    bool has_etag = false;   // that of the body, which is added where the handler gives none
    bool is_page = false;    // with pagination
    bool is_stream = false;  // of Server-Sent Events
    bool has_location = false;
};

struct Operation {
    Method method;
    Handler handler;
    Auth auth = Auth::none;
    std::string_view summary;
    Schema query_schema = nullptr;    // of an object: its properties are the parameters
    Schema request_schema = nullptr;  // set where the operation takes a JSON body
    bool is_body_optional = false;
    Answer answer;
    std::string_view message = {};  // of a success, on the surface /api
    bool needs_if_match = false;
    bool takes_idempotency_key = false;
    bool counts_attempts = false;    // by count_attempt(), which the handler calls
    std::vector<Error> errors = {};  // besides those that follow from the declaration
};

constexpr Limit limit_of(const Operation& operation) {
    if (operation.counts_attempts) return Limit::attempts;
    return operation.auth == Auth::key ? Limit::requests : Limit::none;
}

// Of the id of a row.
inline std::string row_id_schema() { return R"({"format":"int64","minimum":1,"type":"integer"})"; }

struct Endpoint {
    std::string_view path;             // a template: /collab/tasks/{id}
    Schema id_schema = row_id_schema;  // of its {id}
    // Templates that nginx maps to `path`. Without {user_id} the caller's own is meant.
    std::vector<std::string_view> also_at = {};
    Family family;
    std::vector<Operation> operations;
    // Serves in the place of serve_fastcgi(): where an answer is no FastCGI.
    void (*serve)(int listener, Loop& loop, const Endpoint& served, Context& context) = nullptr;
};

// For Operation::request_schema and Answer::schema.
template <class T>
inline constexpr Schema schema_of = &json::schema<T>;

// The field value of Allow: every declared method, HEAD with GET, and OPTIONS.
std::string allowed_methods(const Endpoint& declared);

// The endpoint as canonical JSON:
// {"allow","also_at","family","name","operations":[{"answer":{"etag","location","page","schema",
// "status","stream"},"auth","errors","idempotency_key","if_match","limit","method","query",
// "request","request_optional","summary"}],"parameters","path"}. "if_match" is none, optional or
// required; "limit" none, requests or attempts; "parameters" holds the schema of each one in the
// path. Routes, documentation and tests are made from it.
std::string describe(const Endpoint& declared, std::string_view name);
