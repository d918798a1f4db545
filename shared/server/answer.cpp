#include <algorithm>
#include <cctype>
#include <chrono>
#include <functional>
#include <optional>

#include "shared/accounts/users.hpp"
#include "shared/auth/refusals.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/http/conditional.hpp"
#include "shared/http/error_body.hpp"
#include "shared/http/request.hpp"
#include "shared/http/response.hpp"
#include "shared/limits/requests.hpp"
#include "shared/log.hpp"
#include "shared/metrics/counters.hpp"
#include "shared/server/raw_request.hpp"
#include "shared/server/serve.hpp"
#include "shared/text.hpp"

namespace {

// A list of header names (RFC 9110, section 5.6.2) of reasonable length.
bool is_header_list(std::string_view text) {
    constexpr std::size_t most = 1024;
    static constexpr std::string_view punctuation = "!#$%&'*+-.^_`|~, ";
    return !text.empty() && text.size() <= most &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return std::isalnum(static_cast<unsigned char>(c)) ||
                      punctuation.find(c) != punctuation.npos;
           });
}

bool is_request_id(std::string_view id) {
    return !id.empty() && id.size() <= max_request_id_bytes &&
           std::all_of(id.begin(), id.end(), [](char c) {
               return std::isalnum(static_cast<unsigned char>(c)) ||
                      request_id_punctuation.find(c) != request_id_punctuation.npos;
           });
}

const Operation* find_operation(const RawRequest& raw, const Endpoint& endpoint) {
    const auto method = parse_method(raw.method == "HEAD" ? "GET" : raw.method);
    const auto found =
        std::find_if(endpoint.operations.begin(), endpoint.operations.end(),
                     [&](const auto& operation) { return operation.method == method; });
    return found == endpoint.operations.end() ? nullptr : &*found;
}

void check_body(const RawRequest& raw, const Operation& operation) {
    if (raw.is_body_too_large) throw ApiError{Error::payload_too_large};
    if (!operation.request_schema) return;
    if (operation.is_body_optional && raw.body.empty()) return;
    if (raw.body.empty() && raw.content_type.empty())
        throw invalid({"body"}, "Field required", "missing");
    if (!raw.content_encoding.empty() && !ascii_iequals(raw.content_encoding, "identity"))
        throw ApiError{Error::unsupported_content_encoding};
    const auto media_type = trimmed(raw.content_type.substr(0, raw.content_type.find(';')));
    if (!ascii_iequals(media_type, "application/json"))
        throw ApiError{Error::unsupported_media_type};
}

// Verifies the token. Returns nullopt if keys must be fetched first. `verify` is one of the two
// methods of Tokens.
template <class Verify>
auto authenticate(const RawRequest& raw, const Context& context, Verify verify)
    -> std::optional<Identity> {
    constexpr std::string_view scheme = "Bearer ";
    if (raw.authorization.empty() && context.config.demo_mode) return Identity{demo_user, ""};
    if (!ascii_iequals(raw.authorization.substr(0, scheme.size()), scheme))
        throw ApiError{Error::auth_required};
    // One or more spaces separate the two (RFC 9110, section 11.4).
    auto token = raw.authorization.substr(scheme.size());
    while (token.starts_with(' ')) token.remove_prefix(1);
    try {
        return std::invoke(verify, context.tokens, token);
    } catch (const TokenError& error) {
        refusals().log("token refused", log_ids(raw), error.what());
        throw ApiError{Error::invalid_token};
    }
}

// Verifies the ticket; nullopt if the request has none.
std::optional<Identity> read_ticket(const RawRequest& raw, Context& context) {
    json::Faults faults{"query"};
    faults.enter("ticket");
    const auto ticket = QueryParameters{raw.target}.take("ticket", faults);
    faults.raise();
    if (!ticket) return std::nullopt;
    try {
        auto bearer = context.tokens.verify_ticket(*ticket);
        if (!bearer.api_key.empty()) {
            // A limit counts the key together with its tickets.
            auto key = context.api_keys.find(bearer.api_key);
            if (!key) refuse_token("key", "no longer accepted");
            bearer.api_key = std::move(*key);
        }
        return bearer;
    } catch (const TokenError& error) {
        refusals().log("ticket refused", log_ids(raw), error.what());
        throw ApiError{Error::invalid_token};
    }
}

// Authenticates the caller by the request's ticket, token and API key. Returns nullopt if `verify`
// does.
template <class Verify>
std::optional<Identity> identify(const RawRequest& raw, const AuthRule& rule, Context& context,
                                 Verify verify) {
    if (rule.takes_ticket)
        if (auto bearer = read_ticket(raw, context)) return bearer;
    const bool has_key = rule.takes_key && (!raw.api_key.empty() || !rule.takes_token);
    const bool has_token = !raw.authorization.empty() || context.config.demo_mode;
    const bool is_user = rule.takes_token && (has_token || (rule.needs_proof && !has_key));
    std::optional<Identity> identity{std::in_place};
    if (is_user) identity = authenticate(raw, context, verify);
    if (identity && has_key) identity->api_key = context.api_keys.verify(raw.api_key, log_ids(raw));
    return identity;
}

// Another user's id is refused whether or not that user exists.
void check_owner(const PathParameters& parameters, const Identity& identity, const Config& config) {
    for (const auto& [name, value] : parameters) {
        if (name != "user_id" || value == identity.user_id) continue;
        if (config.user_id_format == UserIdFormat::uuid && !Uuid::parse(value))
            throw invalid({"path", std::string{name}}, "Input should be a valid UUID",
                          "uuid_parsing");
        throw ApiError{Error::forbidden};
    }
}

// Refuses the token of a disabled user or a deleted account. If a user of another issuer has lost
// the row since the last request, or another user took the same address at the same time, the
// foreign keys refuse the first attempt and the second one creates the row.
Async<Response> run_handler(const Operation& operation, const Request& request, Context& context) {
    if (request.user_id().empty()) {
        auto response = co_await operation.handler(request, context);
        co_return response;
    }
    auto& known = context.state.get<KnownUsers>();
    UserDatabase db{context.db, known, request.identity(), rule_of(operation.auth).makes_user,
                    request.log_ids()};
    Context own{context.config,    db,           context.tokens, context.api_keys,
                context.passwords, context.state};
    bool is_user_missing = false;
    try {
        auto response = co_await operation.handler(request, own);
        co_await db.check_user();
        co_return response;
    } catch (const DbError& error) {
        is_user_missing = error.sqlstate() == sqlstate::foreign_key_violation;
        if (!is_user_missing) throw;
    }
    known.forget(request.user_id());
    auto response = co_await operation.handler(request, own);
    co_await db.check_user();
    co_return response;
}

Async<Response> respond(const RawRequest& raw, const Endpoint& endpoint, Context& context,
                        Headers& headers) {
    auto parameters = match_endpoint(endpoint, raw.target, context.config.api_prefix);
    if (!parameters) throw ApiError{Error::not_found};
    if (raw.method == "OPTIONS")
        co_return Response::no_content().with("Allow", allowed_methods(endpoint));
    const auto* const operation = find_operation(raw, endpoint);
    if (!operation) throw ApiError{Error::method_not_allowed};
    const auto rule = rule_in_force(operation->auth, context.config.board_public);
    const auto limit = limit_of(*operation);
    // Every answer to a key reports what is left of its limit, including the one to an invalid
    // body.
    if (limit != Limit::requests) check_body(raw, *operation);
    auto identity = identify(raw, rule, context, &Tokens::try_verify);
    if (!identity) {
        co_await context.tokens.wait_for_keys();
        identity = identify(raw, rule, context, &Tokens::verify);
    }
    if (!identity) throw std::logic_error("the caller was neither accepted nor refused");
    if (rule.owns_path) check_owner(*parameters, *identity, context.config);
    const Request request{
        raw,      operation->method,  std::move(*parameters), std::move(*identity),
        &headers, operation->if_match};
    if (limit == Limit::writes) co_await count_write(request, context);
    if (limit == Limit::requests) {
        co_await count_request(request, context);
        check_body(raw, *operation);
    }
    Response response = co_await run_handler(*operation, request, context);
    if (operation->method != Method::get && takes_preconditions(endpoint, *operation) &&
        !request.has_given_condition())
        throw std::logic_error("the handler must use Request::condition()");
    if (operation->answer.has_etag && response.etag().empty()) response.tag();
    if (endpoint.shape == Shape::enveloped && !response.body().empty())
        response.wrap(operation->answer.may_exist && response.status() == 200 ? std::string_view{}
                                                                              : operation->message);
    if (operation->method == Method::get && response.status() == 200 && !response.etag().empty()) {
        check_if_match(raw.if_match, response.etag());
        if (is_not_modified(raw.if_none_match, response.etag())) response.make_not_modified();
    }
    const bool has_etag = !response.etag().empty();
    const bool may_be_kept =
        has_etag && (operation->auth == Auth::none || operation->auth == Auth::board);
    std::string cache_control = !may_be_kept       ? "no-store"
                                : rule.takes_token ? "private, no-cache"
                                                   : "no-cache";
    // A proxy that compresses turns the ETag into a weak one, which never matches If-Match.
    if (has_etag) cache_control += ", no-transform";
    response.set("Cache-Control", std::move(cache_control));
    co_return response;
}

Response error_response(const RawRequest& raw, const Endpoint& endpoint, const ApiError& error) {
    const auto shape = error_shape(endpoint.shape == Shape::enveloped, raw.accept);
    const auto& row = entry(error.error());
    Response response{row.status, error_body(shape, error, raw.request_id)};
    response.set("Cache-Control", "no-store");
    response.set("Content-Type", std::string{media_type(shape)});
    if (error.error() == Error::method_not_allowed)
        response.set(row.header, allowed_methods(endpoint));
    else if (!row.header.empty())
        response.set(row.header, std::string{row.header_value});
    if (const auto seconds = error.retry_after())
        response.set("Retry-After", std::to_string(seconds->count()));
    return response;
}

// Turns an internal failure into the error for the client; the reason goes to the log.
ApiError disclose(const std::exception_ptr& failure, const logging::RequestIds& request) {
    try {
        std::rethrow_exception(failure);
    } catch (const ApiError& error) {
        return error;
    } catch (const DbError& error) {
        ApiError disclosed{error_for_sqlstate(error.sqlstate())};
        const auto reason = error.what() + std::string{remedy_for_sqlstate(error.sqlstate())};
        if (entry(disclosed.error()).status >= 500)
            logging::write(logging::Level::error, request, "database failure",
                           {{"sqlstate", std::string_view{error.sqlstate()}},
                            {"reason", std::string_view{reason}}});
        return disclosed;
    } catch (const std::exception& error) {
        logging::write(logging::Level::error, request, "internal error",
                       {{"reason", std::string_view{error.what()}}});
    } catch (...) {
        logging::write(logging::Level::error, request, "internal error");
    }
    return ApiError{Error::internal_error};
}

void add_cors(Response& response, const RawRequest& raw, const Context& context) {
    response.set("Vary", "Origin");
    if (raw.origin.empty()) return;
    const auto& origins = context.config.allowed_origins;
    if (std::find(origins.begin(), origins.end(), raw.origin) == origins.end()) return;
    response.set("Access-Control-Allow-Origin", std::string{raw.origin});
    response.set("Access-Control-Allow-Credentials", "true");
    if (response.status() == 204 && raw.method == "OPTIONS" &&
        !raw.access_control_request_method.empty()) {
        response.set("Access-Control-Allow-Methods", std::string{response.header("Allow")});
        // An allowed origin may send any header: clients add their own, for tracing for example.
        if (is_header_list(raw.access_control_request_headers))
            response.set("Access-Control-Allow-Headers",
                         std::string{raw.access_control_request_headers});
        response.set("Access-Control-Max-Age", "600");
    } else {
        response.set("Access-Control-Expose-Headers", std::string{exposed_headers});
    }
}

}  // namespace

Async<Response> answer(const RawRequest& received, const Endpoint& endpoint, Context& context) {
    const auto started = Clock::now();
    const std::string request_id = is_request_id(received.request_id)
                                       ? std::string{received.request_id}
                                       : Uuid::random().text();
    RawRequest raw = received;
    raw.request_id = request_id;
    // In the absolute form a path may be empty, which means "/" (RFC 3986, section 6.2.3).
    std::string with_path;
    if (raw.target.empty() || raw.target.front() == '?') {
        with_path.append("/").append(raw.target);
        raw.target = with_path;
    }

    std::exception_ptr failure;
    Headers headers;
    Response response{500, {}};
    try {
        response = co_await respond(raw, endpoint, context, headers);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) response = error_response(raw, endpoint, disclose(failure, log_ids(raw)));
    for (auto& [name, value] : headers) response.set(name, std::move(value));

    if (!response.body().empty() && response.header("Content-Type").empty())
        response.set("Content-Type", "application/json");
    response.set("X-Request-ID", request_id);
    response.set("X-Content-Type-Options", "nosniff");
    response.set("Referrer-Policy", "no-referrer");
    add_cors(response, raw, context);
    if (raw.method == "HEAD") response.drop_body();

    const auto took = Clock::now() - started;
    metrics::count_request(raw.method, response.status(), took);
    logging::write(
        logging::Level::debug, log_ids(raw), "request",
        {{"method", raw.method},
         {"path", path_of(raw.target)},
         {"status", response.status()},
         {"microseconds", std::chrono::duration_cast<std::chrono::microseconds>(took).count()}});
    co_return response;
}
