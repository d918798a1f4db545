#include "shared/server/raw_request.hpp"

void set_variable(RawRequest& raw, std::string_view name, std::string_view value) {
    for (const auto& field : request_fields())
        if (field.variable == name) raw.*field.member = value;
}

RawRequest read_variables(const char* const* variables) {
    RawRequest raw;
    for (; *variables; ++variables) {
        const std::string_view text{*variables};
        const auto equals = text.find('=');
        if (equals != text.npos) set_variable(raw, text.substr(0, equals), text.substr(equals + 1));
    }
    return raw;
}
