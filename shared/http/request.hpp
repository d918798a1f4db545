// A request, first as the server receives it and then as handlers use it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/http/conditional.hpp"
#include "shared/http/method.hpp"
#include "shared/http/target.hpp"
#include "shared/json/fields.hpp"
#include "shared/log.hpp"
#include "shared/uuid.hpp"

// The request as received, not decoded; an absent header is empty. The views belong to the
// connection and stay valid until the answer is complete.
struct RawRequest {
#define REQUEST_FIELD(member, ...) std::string_view member;
#include "shared/http/request_fields.def"
#undef REQUEST_FIELD
    std::string_view body;
    bool is_body_too_large = false;
};

// The trace id of a `traceparent` header: 32 lower-case hexadecimal digits. Empty if the header is
// invalid (W3C Trace Context, level 1, section 3.2.2). nginx/http.conf has the same rule.
std::string_view trace_id_of(std::string_view traceparent);

// What the log calls a request.
inline logging::RequestIds log_ids(const RawRequest& raw) {
    return {raw.request_id, trace_id_of(raw.traceparent)};
}

// A row of request_fields.def.
struct RequestField {
    std::string_view RawRequest::*member;
    std::string_view variable;
    std::string_view header;
    std::string_view nginx_variable;
};
std::span<const RequestField> request_fields();

// The caller, as proved by a token, an API key or a ticket; empty if nothing was proved.
struct Identity {
    std::string user_id;
    std::string email;         // may be empty
    std::string api_key = {};  // identifies the key in limits and logs; never the key itself
    // The time, in seconds since 1970, from which the same proof is refused, leeway included; 0:
    // never.
    std::int64_t expires_at = 0;
    // Whether a token of this service proved it. Such a token is valid only while its account
    // exists.
    bool needs_account = false;
};

using Headers = std::vector<std::pair<std::string_view, std::string>>;

class Request {
public:
    Request(const RawRequest& raw, Method method, PathParameters parameters, Identity identity,
            Headers* answer_headers = nullptr, IfMatch if_match = IfMatch::optional)
        : raw_(raw),
          method_(method),
          parameters_(std::move(parameters)),
          identity_(std::move(identity)),
          answer_headers_(answer_headers),
          if_match_(if_match) {}

    Method method() const { return method_; }
    std::string_view path() const { return path_of(raw_.target); }
    std::string_view request_id() const { return raw_.request_id; }
    logging::RequestIds log_ids() const { return ::log_ids(raw_); }
    std::string_view last_event_id() const { return raw_.last_event_id; }
    std::string_view remote_address() const { return raw_.remote_address; }
    std::string_view if_match() const { return raw_.if_match; }
    std::string_view if_none_match() const { return raw_.if_none_match; }
    // The condition of a write.
    WriteCondition condition() const {
        has_given_condition_ = true;
        return write_condition(raw_.if_match, raw_.if_none_match, if_match_);
    }

    bool has_given_condition() const { return has_given_condition_; }

    const Identity& identity() const { return identity_; }
    const std::string& user_id() const { return identity_.user_id; }
    const std::string& api_key() const { return identity_.api_key; }

    // Returns nullopt if the header is absent. Throws ApiError (422) for anything but 1 to 255
    // visible ASCII characters.
    std::optional<std::string> idempotency_key() const;

    // Reads the body as a T. Throws ApiError (422) that lists every fault. If the operation has an
    // optional body, an absent one counts as an empty object.
    template <json::Declared T>
    T body() const {
        return json::read<T>(raw_.body.empty() ? "{}" : raw_.body);
    }

    // The body as canonical JSON, with an absent optional one as an empty object. It must have been
    // read before.
    std::string canonical_body() const {
        return json::canonical(json::parse(raw_.body.empty() ? "{}" : raw_.body));
    }

    // Reads the query as a T. Throws ApiError (422) that lists every fault.
    template <json::Declared T>
    T query() const {
        return read_query<T>(raw_.target);
    }

    // Adds a header to the answer, even if that becomes an error. Throws std::invalid_argument if
    // the value contains a control byte.
    void add_header(std::string_view name, std::string value) const;

    // Whether the path has the parameter {user_id}. Without it, it refers to the caller.
    bool names_user() const;

    // A path parameter, which the template must contain.
    std::string_view parameter(std::string_view name) const;

    // A path parameter as a UUID. Throws ApiError (422, uuid_parsing).
    Uuid uuid(std::string_view name) const;

    // A path parameter as the id of a row, which is positive. Throws ApiError (422).
    std::int64_t id(std::string_view name) const;

private:
    const RawRequest& raw_;
    Method method_;
    PathParameters parameters_;
    Identity identity_;
    Headers* answer_headers_;
    IfMatch if_match_;
    mutable bool has_given_condition_ = false;
};
