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

// The description of a request member, with the value that it has if it is absent. A keyword
// `default` would make the member required in clients that openapi-typescript generates.
Json description_with_default(const Value& declared, const Value& absent) {
    const auto* const description = json::find(declared, "description");
    auto text = description ? std::string{json::text_of(*description)} + ". " : std::string{};
    return text + "Default: `" + json::canonical(absent) + "`";
}

}  // namespace

Json Schemas::use(const Value& declared, Use where) {
    Members members;
    const auto* const absent = where == Use::request ? json::find(declared, "default") : nullptr;
    if (absent) members.emplace_back("description", description_with_default(declared, *absent));
    for (const auto& [key, value] : declared.GetObject()) {
        const std::string name{json::text_of(key)};
        if (absent && (name == "default" || name == "description")) continue;
        if (name == "properties")
            members.emplace_back(name, properties(value, where));
        else if (name == "items")
            members.emplace_back(name, use(value, where));
        else if (name == "anyOf")
            members.emplace_back(name, alternatives(value, where));
        else if (name == "required" && where == Use::answer)
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

Members Schemas::all() const { return {by_name_.begin(), by_name_.end()}; }

Json Schemas::properties(const Value& schemas, Use where) {
    Members members;
    for (const auto& [name, schema] : schemas.GetObject())
        members.emplace_back(json::text_of(name), use(schema, where));
    return object(members);
}

Json Schemas::alternatives(const Value& schemas, Use where) {
    std::vector<Json> values;
    for (const auto& schema : schemas.GetArray()) values.push_back(use(schema, where));
    return array(values);
}

}  // namespace openapi
