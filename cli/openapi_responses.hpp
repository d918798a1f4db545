// The responses that operations of the OpenAPI document share: an error for each shape of error
// body and each status in the error registry, what nginx may answer to any request, and 304.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/openapi_json.hpp"
#include "shared/error.hpp"

namespace openapi {

// The shape of an endpoint's error bodies.
struct ErrorForm {
    const char* name;                    // the first word of its schema and of its responses
    std::string_view ErrorEntry::*code;  // what its bodies call an error
};
inline constexpr ErrorForm plain{"Plain", &ErrorEntry::type};
inline constexpr ErrorForm enveloped{"Enveloped", &ErrorEntry::code};

// "PlainNotFound", or "PlainNotFoundLimited" where the response has the headers of a limit. Throws
// std::out_of_range when no error has the status.
std::string error_name(const ErrorForm& form, int status, bool has_limit);

// The name of the 304 response.
std::string not_modified_name(bool has_limit);

// The name of the response with which nginx may answer any request.
std::string refusal_name(const ErrorForm& form);

// References to these headers, to those of a limit, and to X-Request-ID, which every response has.
Json response_headers(std::vector<std::string> names, bool has_limit);

// {"schema": <schema>}, and with an example: {"example": <example>, "schema": <schema>}
Json media(const Json& schema);
Json media(const Json& schema, const Json& example);

// All of them, for components.responses.
Members shared_responses();

}  // namespace openapi
