// The named schemas of the OpenAPI document: its components.schemas.
#pragma once

#include <map>
#include <string>

#include "cli/openapi_json.hpp"

namespace openapi {

// An answer contains every member; only a request may omit some.
enum class Use { request, answer };

class Schemas {
public:
    // The schema to write where `declared` is used. Each schema in it that has a title is added
    // under that name and replaced by a reference.
    Json use(const rapidjson::Value& declared, Use where);

    // Adds a schema and returns a reference to it. Throws std::runtime_error when a different one
    // has the name.
    Json add(const std::string& name, const Json& schema);

    // All of them, sorted by name.
    Members all() const;

private:
    Json properties(const rapidjson::Value& schemas, Use where);
    Json alternatives(const rapidjson::Value& schemas, Use where);

    std::map<std::string, Json> by_name_;
};

}  // namespace openapi
