#include "cli/openapi_schemas.hpp"

#include <stdexcept>

namespace openapi {

using rapidjson::Value;

namespace {

Json names_of(const Value& properties) {
    std::vector<Json> names;
    for (const auto& [name, schema] : properties.GetObject()) names.emplace_back(name);
    return array(names);
}

}  // namespace

Json Schemas::use(const Value& declared, bool is_answer) {
    Members members;
    for (const auto& [key, value] : declared.GetObject()) {
        const std::string name{json::text_of(key)};
        if (name == "properties")
            members.emplace_back(name, properties(value, is_answer));
        else if (name == "items")
            members.emplace_back(name, use(value, is_answer));
        else if (name == "anyOf")
            members.emplace_back(name, alternatives(value, is_answer));
        else if (name == "required" && is_answer)
            members.emplace_back(name, names_of(declared["properties"]));
        else if (name != "title")
            members.emplace_back(name, value);
    }
    if (!json::find(declared, "title")) return object(members);
    return add(text_at(declared, "title"), object(members));
}

Json Schemas::add(const std::string& name, const Json& schema) {
    if (!(by_name_.emplace(name, schema).first->second == schema))
        throw std::runtime_error("two schemas have the name " + name);
    return ref("schemas", name);
}

Json Schemas::all() const { return object({by_name_.begin(), by_name_.end()}); }

Json Schemas::properties(const Value& schemas, bool is_answer) {
    Members members;
    for (const auto& [name, schema] : schemas.GetObject())
        members.emplace_back(json::text_of(name), use(schema, is_answer));
    return object(members);
}

Json Schemas::alternatives(const Value& schemas, bool is_answer) {
    std::vector<Json> values;
    for (const auto& schema : schemas.GetArray()) values.push_back(use(schema, is_answer));
    return array(values);
}

}  // namespace openapi
