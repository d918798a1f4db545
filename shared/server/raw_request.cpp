#include "shared/server/raw_request.hpp"

#include <array>

namespace {

struct Variable {
    std::string_view name;
    std::string_view RawRequest::*member;
};

constexpr std::array known = {
    Variable{"REQUEST_METHOD", &RawRequest::method},
    Variable{"REQUEST_URI", &RawRequest::target},
    Variable{"CONTENT_TYPE", &RawRequest::content_type},
    Variable{"HTTP_ACCEPT", &RawRequest::accept},
    Variable{"HTTP_AUTHORIZATION", &RawRequest::authorization},
    Variable{"HTTP_IF_MATCH", &RawRequest::if_match},
    Variable{"HTTP_IF_NONE_MATCH", &RawRequest::if_none_match},
    Variable{"HTTP_X_API_KEY", &RawRequest::api_key},
    Variable{"HTTP_IDEMPOTENCY_KEY", &RawRequest::idempotency_key},
    Variable{"HTTP_LAST_EVENT_ID", &RawRequest::last_event_id},
    Variable{"HTTP_ORIGIN", &RawRequest::origin},
    Variable{"HTTP_ACCESS_CONTROL_REQUEST_METHOD", &RawRequest::access_control_request_method},
    Variable{"HTTP_X_REQUEST_ID", &RawRequest::request_id},
    Variable{"REMOTE_ADDR", &RawRequest::remote_address},
};

}  // namespace

RawRequest read_variables(const char* const* variables) {
    RawRequest raw;
    for (; *variables; ++variables) {
        const std::string_view text{*variables};
        const auto equals = text.find('=');
        if (equals == text.npos) continue;
        const auto name = text.substr(0, equals);
        for (const auto& variable : known)
            if (variable.name == name) raw.*variable.member = text.substr(equals + 1);
    }
    return raw;
}
