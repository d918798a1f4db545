// The operations of the OpenAPI document: what a handler's declaration says about each method.
#pragma once

#include <string>
#include <vector>

#include "cli/openapi_json.hpp"
#include "cli/openapi_schemas.hpp"

namespace openapi {

// The paths of an endpoint that the document lists: the declared one, and those that take the user
// from the token. `endpoint` is what the handler prints for --describe (shared/endpoint.hpp). Paths
// that differ from the declared one in their first segments only are named in its description:
// beside the others they would be ambiguous.
std::vector<std::string> listed_paths(const rapidjson::Value& endpoint);

// What the document says about one of these paths. Adds the schemas it uses to `schemas`. Throws
// std::runtime_error if an operation lacks a name, a description or an example.
Json path_item(const rapidjson::Value& endpoint, const std::string& path, Schemas& schemas);

}  // namespace openapi
