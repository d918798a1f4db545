#include "cli/openapi_examples.hpp"

#include <algorithm>
#include <stdexcept>

namespace openapi {

using rapidjson::Value;

namespace {

[[noreturn]] void ask_for_example(const std::string& name) {
    throw std::runtime_error("declare an example for " + name);
}

Json example_of_members(const Value& schema) {
    Members members;
    for (const auto& [key, member] : schema["properties"].GetObject()) {
        const std::string name{json::text_of(key)};
        members.emplace_back(name, answer_example(member, name));
    }
    return object(members);
}

Json example_of_format(const std::string& format, const std::string& name) {
    if (format == "uuid") return "00112233-4455-6677-8899-aabbccddeeff";
    if (format == "date-time") return "2026-01-08T12:34:56.123456Z";
    ask_for_example(name);
}

}  // namespace

const Value& without_null(const Value& schema) {
    const auto* const alternatives = json::find(schema, "anyOf");
    return alternatives ? (*alternatives)[0] : schema;
}

bool is_required(const Value& schema, std::string_view name) {
    const auto& required = schema["required"];
    return std::any_of(required.Begin(), required.End(),
                       [&](const auto& one) { return json::text_of(one) == name; });
}

Json request_example(const Value& schema) {
    Members members;
    for (const auto& [key, member] : schema["properties"].GetObject()) {
        const std::string name{json::text_of(key)};
        if (const auto* const examples = json::find(without_null(member), "examples"))
            members.emplace_back(name, (*examples)[0]);
        else if (is_required(schema, name))
            ask_for_example(name + " of " + text_at(schema, "title"));
    }
    return object(members);
}

Json answer_example(const Value& schema, const std::string& name) {
    if (const auto* const examples = json::find(without_null(schema), "examples"))
        return (*examples)[0];
    if (json::find(schema, "anyOf")) return json::parse("null");
    if (const auto* const choices = json::find(schema, "enum")) return (*choices)[0];
    if (json::find(schema, "properties")) return example_of_members(schema);
    if (const auto* const items = json::find(schema, "items")) {
        if (json::find(*items, "anyOf"))
            return array({answer_example(without_null(*items), name), json::parse("null")});
        return array({answer_example(*items, name)});
    }
    const auto* const type = json::find(schema, "type");
    if (type && json::text_of(*type) == "integer") return json::parse("1");
    if (!json::find(schema, "format")) ask_for_example(name);
    return example_of_format(text_at(schema, "format"), name);
}

}  // namespace openapi
