// The operations of the OpenAPI document: what a handler's declaration says about each method.
#pragma once

#include <string>

#include "cli/openapi_json.hpp"
#include "cli/openapi_schemas.hpp"

namespace openapi {

// What the document says about a path. `endpoint` is what the handler prints for --describe
// (shared/endpoint.hpp); `mount` counts the paths at which nginx offers the endpoint, from 1. Adds
// the schemas it uses to `schemas`. Throws std::runtime_error when a body cannot be shown by
// examples.
Json path_item(const rapidjson::Value& endpoint, const std::string& path, int mount,
               Schemas& schemas);

}  // namespace openapi
