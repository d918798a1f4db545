#include "shared/server/raw_request.hpp"

RawRequest read_variables(const char* const* variables) {
    RawRequest raw;
    for (; *variables; ++variables) {
        const std::string_view text{*variables};
        const auto equals = text.find('=');
        if (equals == text.npos) continue;
        const auto name = text.substr(0, equals);
        for (const auto& field : request_fields())
            if (field.variable == name) raw.*field.member = text.substr(equals + 1);
    }
    return raw;
}
