#include "cli/openapi_operations.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "cli/openapi_responses.hpp"
#include "cli/routes.hpp"
#include "shared/endpoint.hpp"
#include "shared/http/response.hpp"
#include "shared/text.hpp"

namespace openapi {

using rapidjson::Value;

namespace {

// --- parameters

// The parameters of a path template, in order.
std::vector<std::string> names_in(const std::string& path) {
    std::vector<std::string> names;
    for (const auto segment : split(path, '/'))
        if (segment.starts_with('{')) names.emplace_back(segment.substr(1, segment.size() - 2));
    return names;
}

Json path_parameter(const std::string& name, const Value& schema) {
    return object({{"name", name}, {"in", "path"}, {"required", true}, {"schema", schema}});
}

// A parameter that may be null is one that may be omitted.
const Value& without_null(const Value& schema) {
    const auto* const alternatives = json::find(schema, "anyOf");
    return alternatives ? (*alternatives)[0] : schema;
}

bool is_required(const Value& schema, std::string_view name) {
    const auto& required = schema["required"];
    return std::any_of(required.Begin(), required.End(),
                       [&](const auto& one) { return json::text_of(one) == name; });
}

Json query_parameter(const std::string& name, const Value& declared, bool is_required) {
    Members schema;
    Members parameter{{"name", name}, {"in", "query"}, {"required", is_required}};
    for (auto& [key, value] : members_of(without_null(declared)))
        (key == "description" ? parameter : schema).emplace_back(key, std::move(value));
    parameter.emplace_back("schema", object(schema));
    return object(parameter);
}

Json parameters(const Value& endpoint, const Value& operation, const std::string& path) {
    std::vector<Json> all;
    for (const auto& name : names_in(path))
        all.push_back(path_parameter(name, endpoint["parameters"][name.c_str()]));
    const auto& query = operation["query"];
    if (!query.IsNull())
        for (const auto& [key, schema] : query["properties"].GetObject()) {
            const std::string name{json::text_of(key)};
            all.push_back(query_parameter(name, schema, is_required(query, name)));
        }
    const auto if_match = text_at(operation, "if_match");
    if (if_match == "required") all.push_back(ref("parameters", "If-Match-Required"));
    if (if_match == "optional") all.push_back(ref("parameters", "If-Match"));
    if (operation["idempotency_key"].IsTrue()) all.push_back(ref("parameters", "Idempotency-Key"));
    if (if_match != "none") all.push_back(ref("parameters", "If-None-Match"));
    if (operation["answer"]["stream"].IsTrue()) all.push_back(ref("parameters", "Last-Event-ID"));
    all.push_back(ref("parameters", "X-Request-ID"));
    return array(all);
}

// --- the request's body

// A body made of its members' examples. Throws when a required member has none.
Json example_of(const Value& schema) {
    Members members;
    for (const auto& [key, member] : schema["properties"].GetObject()) {
        const std::string name{json::text_of(key)};
        if (const auto* const examples = json::find(without_null(member), "examples"))
            members.emplace_back(name, (*examples)[0]);
        else if (is_required(schema, name))
            throw std::runtime_error("declare an example for " + name + " of " +
                                     text_at(schema, "title"));
    }
    return object(members);
}

Json request_body(const Value& operation, Schemas& schemas) {
    const auto& schema = operation["request"];
    const auto content =
        object({{"example", example_of(schema)}, {"schema", schemas.use(schema, Use::request)}});
    return object({{"required", !operation["request_optional"].IsTrue()},
                   {"content", object({{"application/json", content}})}});
}

// --- responses

bool is_enveloped(const Value& endpoint) { return text_at(endpoint, "shape") == "enveloped"; }

// True when a response of this status has the headers of a limit, unless nginx sends it.
bool has_limit_headers(const Value& operation, int status) {
    const auto limit = text_at(operation, "limit");
    if (limit == "requests") return status != 401;
    if (limit == "writes") return status != 401 && status != 403;
    return limit == "attempts" && status != 413 && status != 415 && status != 422;
}

// The schema of an enveloped body.
Json envelope(const Value& answer, Schemas& schemas) {
    const auto& schema = answer["schema"];
    const auto* const items = json::find(schema, "items");
    Members properties{{"data", schemas.use(schema, Use::answer)},
                       {"message", object({{"type", array({"string", "null"})}})}};
    if (answer["page"].IsTrue())
        properties.emplace_back("pagination",
                                schemas.use(json::parse(json::schema<Pagination>()), Use::answer));
    properties.emplace_back("success", object({{"const", true}}));
    std::vector<Json> required;
    for (const auto& property : properties) required.emplace_back(property.first);
    return schemas.add(text_at(items ? *items : schema, "title") + (items ? "List" : "Data"),
                       object({{"additionalProperties", false},
                               {"properties", object(properties)},
                               {"required", array(required)},
                               {"type", "object"}}));
}

const char* description_of(int status) {
    switch (status) {
        case 101: return "Switching Protocols";
        case 201: return "Created";
        case 204: return "No content";
        default: return "OK";
    }
}

Json success(const Value& endpoint, const Value& operation, Schemas& schemas) {
    const auto& answer = operation["answer"];
    const int status = answer["status"].GetInt();
    std::vector<std::string> names;
    if (answer["etag"].IsTrue()) names.emplace_back("ETag");
    if (answer["location"].IsTrue()) names.emplace_back("Location");
    Members response{{"description", description_of(status)},
                     {"headers", response_headers(names, has_limit_headers(operation, status))}};
    if (!answer["schema"].IsNull()) {
        const auto schema = is_enveloped(endpoint) ? envelope(answer, schemas)
                                                   : schemas.use(answer["schema"], Use::answer);
        response.emplace_back("content", object({{"application/json", media(schema)}}));
    }
    if (answer["stream"].IsTrue()) {
        const auto text = object({{"type", "string"}});
        response.emplace_back("content", object({{"text/event-stream", media(text)}}));
    }
    return object(response);
}

int status_of(std::string_view error_name) {
    for (const auto& row : error_registry())
        if (row.name == error_name) return row.status;
    throw std::runtime_error("no error has the name " + std::string{error_name});
}

Json responses(const Value& endpoint, const Value& operation, Schemas& schemas) {
    const auto& form = is_enveloped(endpoint) ? enveloped : plain;
    const auto& answer = operation["answer"];
    Members all{{std::to_string(answer["status"].GetInt()), success(endpoint, operation, schemas)}};
    if (text_at(operation, "method") == "GET" && answer["etag"].IsTrue())
        all.emplace_back("304",
                         ref("responses", not_modified_name(has_limit_headers(operation, 304))));
    std::set<int> statuses;
    for (const auto& error : operation["errors"].GetArray())
        statuses.insert(status_of(json::text_of(error)));
    for (const int status : statuses)
        all.emplace_back(
            std::to_string(status),
            ref("responses", error_name(form, status, has_limit_headers(operation, status))));
    all.emplace_back("default", ref("responses", refusal_name(form)));
    return object(all);
}

// --- operations

// The alternative ways to authenticate; {} stands for a request without any.
Json security_of(const AuthRule& rule) {
    std::vector<Json> alternatives;
    if (!rule.needs_proof && (rule.takes_token || rule.takes_key))
        alternatives.push_back(object({}));
    if (rule.takes_token) alternatives.push_back(object({{"bearerAuth", array({})}}));
    if (rule.takes_key) alternatives.push_back(object({{"apiKey", array({})}}));
    return array(alternatives);
}

Json operation_at(const Value& endpoint, const Value& operation, const std::string& path, int mount,
                  Schemas& schemas) {
    auto id = ascii_lower(text_at(operation, "method")) + "_" + text_at(endpoint, "name");
    if (mount > 1) id += "_" + std::to_string(mount);
    Members members{{"operationId", id}, {"summary", text_at(operation, "summary")}};
    if (mount > 1)
        members.emplace_back(
            "description", "The same as " + public_path(text_at(endpoint, "path")) +
                               (path.find("{user_id}") == path.npos ? " of the token's user" : ""));
    members.emplace_back("tags", array({text_at(endpoint, "tag")}));
    members.emplace_back("security", security_of(rule_named(text_at(operation, "auth"))));
    members.emplace_back("parameters", parameters(endpoint, operation, path));
    if (!operation["request"].IsNull())
        members.emplace_back("requestBody", request_body(operation, schemas));
    members.emplace_back("responses", responses(endpoint, operation, schemas));
    return object(members);
}

}  // namespace

Json path_item(const Value& endpoint, const std::string& path, int mount, Schemas& schemas) {
    Members members;
    for (const auto& operation : endpoint["operations"].GetArray())
        members.emplace_back(ascii_lower(text_at(operation, "method")),
                             operation_at(endpoint, operation, path, mount, schemas));
    return object(members);
}

}  // namespace openapi
