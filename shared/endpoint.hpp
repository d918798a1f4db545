// All that a handler file needs. It defines one `const Endpoint endpoint`; main() belongs to
// shared/.
#pragma once

#include <any>
#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <typeindex>
#include <unordered_map>
#include <vector>

#include "shared/async.hpp"
#include "shared/auth/password.hpp"
#include "shared/auth/token.hpp"
#include "shared/config.hpp"
#include "shared/db/database.hpp"
#include "shared/http/conditional.hpp"
#include "shared/http/error.hpp"
#include "shared/http/request.hpp"
#include "shared/http/response.hpp"

// What a handler may use besides its request. One per process.
struct Context {
    const Config& config;
    Database& db;
    const Tokens& tokens;
    Passwords& passwords;
    std::vector<std::string> allowed_origins = config.allowed_origins();

    // The one T that this process keeps between requests, made when first asked for.
    template <std::default_initializable T>
    T& kept() {
        auto& slot = kept_[typeid(T)];
        if (!slot.has_value()) slot = T{};
        return std::any_cast<T&>(slot);
    }

    std::unordered_map<std::type_index, std::any> kept_{};
};

using Handler = Async<Response> (*)(const Request& request, Context& context);

// The surface that an endpoint belongs to: it decides the shape of bodies and errors.
enum class Family { probe, orchestrator, api };

// Who may call an operation. `user` proves a token before the handler runs.
enum class Auth { none, user };

// The JSON Schema of a request or response body, as canonical JSON; null for no body.
using Schema = std::string (*)();

struct Answer {
    int status;
    Schema schema;
    bool has_etag = false;  // that of the body, which is added where the handler gives none
};

struct Operation {
    Method method;
    Handler handler;
    Auth auth = Auth::none;
    std::string_view summary;
    Schema request_schema = nullptr;  // set where the operation takes a JSON body
    Answer answer;
    bool needs_if_match = false;
    std::vector<Error> errors = {};  // besides those that follow from the declaration
};

struct Endpoint {
    std::string_view path;  // a template: /collab/tasks/{id}
    Family family;
    std::vector<Operation> operations;
};

// For Operation::request_schema and Answer::schema.
template <class T>
inline constexpr Schema schema_of = &json::schema<T>;

// The endpoint of this executable, defined by its handler file.
extern const Endpoint endpoint;

// The field value of Allow: every declared method, HEAD with GET, and OPTIONS.
std::string allowed_methods(const Endpoint& declared);

// The endpoint as canonical JSON: {"allow","name","path","family","operations":[{"method","auth",
// "summary","request","answer","errors"}]}. Routes, documentation and tests are made from it.
std::string describe(const Endpoint& declared, std::string_view name);
