// The examples of bodies in the OpenAPI document, made from what the fields declare.
#pragma once

#include <string>

#include "cli/openapi_json.hpp"

namespace openapi {

// A request body made of its members' declared examples. Throws std::runtime_error if a required
// member has none.
Json request_example(const rapidjson::Value& schema);

// A value of an answer: the declared example, or one that follows from the choices, the format or
// the members. What may be null and has no example is null. Throws std::runtime_error if nothing
// follows; `name` is the member's, for the message.
Json answer_example(const rapidjson::Value& schema, const std::string& name);

// A parameter or request member that may be null is one that may be omitted.
const rapidjson::Value& without_null(const rapidjson::Value& schema);

bool is_required(const rapidjson::Value& schema, std::string_view name);

}  // namespace openapi
