#include "cli/openapi_operations.hpp"

#include <set>
#include <stdexcept>

#include "cli/openapi_examples.hpp"
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

// OpenAPI describes the parameter, and the schema only its values.
Json parameter(const std::string& name, const char* in, bool is_required, const Value& declared,
               const std::string& description) {
    Members schema;
    std::string text = description;
    for (auto& [key, value] : members_of(declared))
        if (key == "description")
            text = text_at(declared, "description");
        else
            schema.emplace_back(key, std::move(value));
    return object({{"name", name},
                   {"in", in},
                   {"required", is_required},
                   {"description", text},
                   {"schema", object(schema)}});
}

Json path_parameter(const std::string& name, const Value& schema) {
    return parameter(name, "path", true, schema,
                     "The resource's `id`, as in the answers of creating and listing");
}

Json query_parameter(const std::string& name, const Value& declared, bool is_required) {
    const auto& schema = without_null(declared);
    if (!json::find(schema, "description"))
        throw std::runtime_error("describe the parameter " + name);
    return parameter(name, "query", is_required, schema, {});
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

Json request_body(const Value& operation, Schemas& schemas) {
    const auto& schema = operation["request"];
    const auto content = object(
        {{"example", request_example(schema)}, {"schema", schemas.use(schema, Use::request)}});
    return object({{"required", !operation["request_optional"].IsTrue()},
                   {"content", object({{"application/json", content}})}});
}

// --- responses

constexpr const char* event_stream_example =
    ": connected\nretry: 3000\nid: 748-11\n\nid: 748-12\nevent: task.created\n"
    "data: {\"audience\":\"public\",\"id\":\"748-12\",\"type\":\"task.created\"}\n\n";

bool is_enveloped(const Value& endpoint) { return text_at(endpoint, "shape") == "enveloped"; }

// True when a response of this status can have the headers of a limit. Every success has them.
bool has_limit_headers(const Value& operation, int status) {
    const auto limit = text_at(operation, "limit");
    if (limit == "requests") return status != 401;
    if (limit == "writes") return status != 413 && status != 415;
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
    const auto* const suffix = answer["page"].IsTrue() ? "List" : items ? "Items" : "Data";
    return schemas.add(text_at(items ? *items : schema, "title") + suffix,
                       object({{"additionalProperties", false},
                               {"properties", object(properties)},
                               {"required", array(required)},
                               {"type", "object"}}));
}

Json message_of(const Value& operation) {
    const auto message = text_at(operation, "message");
    return message.empty() ? Json{json::parse("null")} : Json{message};
}

// An example of a body, enveloped if the endpoint's bodies are.
Json example_of_body(const Value& endpoint, const Value& operation, bool is_existing) {
    const auto& answer = operation["answer"];
    auto data = answer_example(answer["schema"], text_at(operation, "name"));
    if (!is_enveloped(endpoint)) return data;
    Members members{{"data", data},
                    {"message", is_existing ? Json{json::parse("null")} : message_of(operation)}};
    if (answer["page"].IsTrue())
        members.emplace_back("pagination",
                             answer_example(json::parse(json::schema<Pagination>()), "pagination"));
    members.emplace_back("success", true);
    return object(members);
}

const char* description_of(int status) {
    switch (status) {
        case 101: return "Switching Protocols";
        case 201: return "Created";
        case 204: return "No content";
        default: return "OK";
    }
}

Json success(const Value& endpoint, const Value& operation, int status, Schemas& schemas) {
    const auto& answer = operation["answer"];
    std::vector<std::string> names;
    if (answer["etag"].IsTrue()) names.emplace_back("ETag");
    if (answer["location"].IsTrue()) names.emplace_back("Location");
    const bool is_existing = status != answer["status"].GetInt();
    Members response{{"description", is_existing ? "It exists already" : description_of(status)},
                     {"headers", response_headers(names, has_limit_headers(operation, status))}};
    Members content;
    if (!answer["schema"].IsNull()) {
        const auto schema = is_enveloped(endpoint) ? envelope(answer, schemas)
                                                   : schemas.use(answer["schema"], Use::answer);
        content.emplace_back("application/json",
                             media(schema, example_of_body(endpoint, operation, is_existing)));
    }
    const auto text = object({{"type", "string"}});
    if (answer["html"].IsTrue()) content.emplace_back("text/html", media(text, "<!doctype html>…"));
    if (answer["stream"].IsTrue())
        content.emplace_back("text/event-stream", media(text, event_stream_example));
    if (!content.empty()) response.emplace_back("content", object(content));
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
    Members all;
    if (answer["existing"].IsTrue())
        all.emplace_back("200", success(endpoint, operation, 200, schemas));
    const int usual = answer["status"].GetInt();
    all.emplace_back(std::to_string(usual), success(endpoint, operation, usual, schemas));
    if (text_at(operation, "method") == "GET" && answer["etag"].IsTrue())
        all.emplace_back("304",
                         ref("responses", not_modified_name(has_limit_headers(operation, 304))));
    std::set<int> statuses;
    for (const auto& error : operation["errors"].GetArray())
        statuses.insert(status_of(json::text_of(error)));
    // nginx refuses a malformed request for any endpoint.
    if (!statuses.contains(400)) all.emplace_back("400", ref("responses", refusal_name(form)));
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

bool names_user(const std::string& path) { return path.find("{user_id}") != path.npos; }

// The other paths of an endpoint, with or without {user_id}.
std::vector<std::string> other_paths(const Value& endpoint, bool with_user) {
    std::vector<std::string> paths;
    for (const auto& also_at : endpoint["also_at"].GetArray())
        if (names_user(std::string{json::text_of(also_at)}) == with_user)
            paths.emplace_back(json::text_of(also_at));
    return paths;
}

std::string declared_text(const Value& operation, const char* what) {
    auto text = text_at(operation, what);
    if (text.empty())
        throw std::runtime_error(std::string{"declare the "} + what + " of \"" +
                                 text_at(operation, "summary") + "\"");
    return text;
}

// Of two paths to the same resource, the one that takes the user from the token has the plain name.
std::string operation_id(const Value& endpoint, const Value& operation, const std::string& path) {
    const bool has_both = !other_paths(endpoint, false).empty();
    return declared_text(operation, "name") + (has_both && names_user(path) ? "OfUser" : "");
}

std::string description_at(const Value& endpoint, const Value& operation, const std::string& path) {
    auto text = declared_text(operation, "description");
    if (operation["idempotency_key"].IsTrue())
        text +=
            " With an `Idempotency-Key` a repeated request adds nothing and gets the first "
            "answer again; a different request with the same key is 422.";
    const auto declared = public_path(text_at(endpoint, "path"));
    if (path != declared)
        return text + " The same as `" + declared + "` for the user of the token.";
    for (const auto& other : other_paths(endpoint, true)) text += " Also at `" + other + "`.";
    return text;
}

Json operation_at(const Value& endpoint, const Value& operation, const std::string& path,
                  Schemas& schemas) {
    Members members{{"operationId", operation_id(endpoint, operation, path)},
                    {"summary", text_at(operation, "summary")},
                    {"description", description_at(endpoint, operation, path)}};
    const auto others = other_paths(endpoint, true);
    if (names_user(path) && !others.empty())
        members.emplace_back("x-also-at", array_of_texts(others));
    members.emplace_back("tags", array({text_at(endpoint, "tag")}));
    members.emplace_back("security", security_of(rule_named(text_at(operation, "auth"))));
    members.emplace_back("parameters", parameters(endpoint, operation, path));
    if (!operation["request"].IsNull())
        members.emplace_back("requestBody", request_body(operation, schemas));
    members.emplace_back("responses", responses(endpoint, operation, schemas));
    return object(members);
}

}  // namespace

std::vector<std::string> listed_paths(const Value& endpoint) {
    auto paths = other_paths(endpoint, false);
    paths.insert(paths.begin(), public_path(text_at(endpoint, "path")));
    return paths;
}

Json path_item(const Value& endpoint, const std::string& path, Schemas& schemas) {
    Members members;
    for (const auto& operation : endpoint["operations"].GetArray())
        members.emplace_back(ascii_lower(text_at(operation, "method")),
                             operation_at(endpoint, operation, path, schemas));
    return object(members);
}

}  // namespace openapi
