#include "cli/openapi.hpp"

#include <algorithm>
#include <map>
#include <ostream>
#include <set>
#include <stdexcept>

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "cli/handlers.hpp"
#include "cli/routes.hpp"
#include "shared/endpoint.hpp"
#include "shared/http/response.hpp"
#include "shared/json/reader.hpp"
#include "shared/models/service.hpp"
#include "shared/server/raw_request.hpp"
#include "shared/text.hpp"

namespace {

using rapidjson::Value;

// The document is put together from JSON texts.
using Members = std::vector<std::pair<std::string, std::string>>;

std::string literal(std::string_view text) { return json::write(std::string{text}); }

std::string object(const Members& members) {
    std::string text;
    for (const auto& [name, value] : members)
        text.append(text.empty() ? "" : ",").append(literal(name)).append(":").append(value);
    return "{" + text + "}";
}

std::string array(const std::vector<std::string>& values) {
    std::string text;
    for (const auto& value : values) text.append(text.empty() ? "" : ",").append(value);
    return "[" + text + "]";
}

std::string ref(const std::string& section, const std::string& name) {
    return object({{"$ref", literal("#/components/" + section + "/" + name)}});
}

std::string text_at(const Value& value, const char* name) {
    return std::string{json::text_of(value[name])};
}

// Schemas that have a name, each once.
class Schemas {
public:
    // The schema as it stands where it is used: everything in it that has a title is kept and
    // referred to. What is sent holds every member; only a request may leave some out.
    std::string use(const Value& schema, bool is_sent) {
        Members members;
        for (const auto& [key, value] : schema.GetObject()) {
            const std::string name{json::text_of(key)};
            if (name == "properties")
                members.emplace_back(name, properties(value, is_sent));
            else if (name == "items")
                members.emplace_back(name, use(value, is_sent));
            else if (name == "anyOf")
                members.emplace_back(name, alternatives(value, is_sent));
            else if (name == "required" && is_sent)
                members.emplace_back(name, names_of(schema["properties"]));
            else if (name != "title")
                members.emplace_back(name, json::canonical(value));
        }
        if (!json::find(schema, "title")) return object(members);
        return keep(text_at(schema, "title"), object(members));
    }

    // Keeps a schema under a name, and refers to it.
    std::string keep(const std::string& name, const std::string& schema) {
        if (kept_.emplace(name, schema).first->second != schema)
            throw std::runtime_error("two schemas have the name " + name);
        return ref("schemas", name);
    }

    std::string text() const { return object({kept_.begin(), kept_.end()}); }

private:
    std::string properties(const Value& schemas, bool is_sent) {
        Members members;
        for (const auto& [name, schema] : schemas.GetObject())
            members.emplace_back(json::text_of(name), use(schema, is_sent));
        return object(members);
    }

    std::string alternatives(const Value& schemas, bool is_sent) {
        std::vector<std::string> values;
        for (const auto& schema : schemas.GetArray()) values.push_back(use(schema, is_sent));
        return array(values);
    }

    static std::string names_of(const Value& properties) {
        std::vector<std::string> names;
        for (const auto& [name, schema] : properties.GetObject())
            names.push_back(literal(json::text_of(name)));
        return array(names);
    }

    std::map<std::string, std::string> kept_;
};

// --- errors

// How a shape names what is common to its errors.
struct ErrorNames {
    const char* name;
    std::string_view ErrorEntry::*code;
};
constexpr ErrorNames plain{"Plain", &ErrorEntry::type};
constexpr ErrorNames enveloped{"Enveloped", &ErrorEntry::code};

bool is_enveloped(const Value& endpoint) { return text_at(endpoint, "shape") == "enveloped"; }

const ErrorNames& names_of(const Value& endpoint) {
    return is_enveloped(endpoint) ? enveloped : plain;
}

using Entries = std::vector<const ErrorEntry*>;

Entries entries_of_status(int status) {
    Entries found;
    for (const auto& row : error_registry())
        if (row.status == status) found.push_back(&row);
    return found;
}

constexpr const char* limit_headers[] = {"RateLimit", "RateLimit-Policy", "X-RateLimit-Limit",
                                         "X-RateLimit-Remaining", "X-RateLimit-Reset"};

// Whether an answer of this status tells what is left of a limit, unless nginx gives it.
bool tells_limit(const Value& operation, int status) {
    const auto limit = text_at(operation, "limit");
    if (limit == "requests") return status != 401;
    return limit == "attempts" && status != 413 && status != 415 && status != 422;
}

// "PlainNotFound": the name of the response to which the errors of a status belong.
std::string response_name(const ErrorNames& shape, int status, bool has_limit = false) {
    std::string name = shape.name;
    for (const char c : entries_of_status(status).at(0)->title)
        if (c != ' ') name += c;
    return has_limit ? name + "Limited" : name;
}

std::string one_of(const Entries& entries, std::string_view ErrorEntry::*member) {
    std::set<std::string> texts;
    for (const auto* const row : entries) texts.insert(literal(row->*member));
    return object({{"enum", array({texts.begin(), texts.end()})}});
}

std::string both(const std::string& schema, const Members& properties) {
    return object({{"allOf", array({schema, object({{"properties", object(properties)}})})}});
}

std::string media(const std::string& schema) { return object({{"schema", schema}}); }

// The body of these errors in this shape.
std::string error_schema(const ErrorNames& shape, const Entries& entries) {
    const bool has_envelope = &shape == &enveloped;
    const auto code = one_of(entries, shape.code);
    const Members narrowed =
        has_envelope ? Members{{"error", object({{"properties", object({{"code", code}})}})}}
                     : Members{{"type", code}};
    return both(ref("schemas", std::string{shape.name} + "Error"), narrowed);
}

// The same, and in the shape of RFC 9457.
std::string error_content(const std::string& schema, const Entries& entries) {
    return object(
        {{"application/json", media(schema)},
         {"application/problem+json",
          media(both(ref("schemas", "Problem"), {{"code", one_of(entries, &ErrorEntry::code)}}))}});
}

std::string headers(const std::vector<std::string>& names) {
    Members members;
    for (const auto& name : names) members.emplace_back(name, ref("headers", name));
    return object(members);
}

std::string error_response(const ErrorNames& shape, int status, bool has_limit = false) {
    const auto entries = entries_of_status(status);
    std::string description;
    for (const auto* const row : entries)
        description.append(description.empty() ? "" : " ")
            .append("`")
            .append(row->*shape.code)
            .append("`: ")
            .append(row->meaning);
    std::vector<std::string> names;
    for (const auto* const row : entries)
        if (!row->header.empty() &&
            std::find(names.begin(), names.end(), row->header) == names.end())
            names.emplace_back(row->header);
    if (has_limit) names.insert(names.end(), std::begin(limit_headers), std::end(limit_headers));
    names.emplace_back("X-Request-ID");
    return object({{"description", literal(description)},
                   {"headers", headers(names)},
                   {"content", error_content(error_schema(shape, entries), entries)}});
}

std::string default_name(const ErrorNames& shape) { return std::string{shape.name} + "Refusal"; }

// nginx does not know the shape of a request line that it could not read.
std::string default_response(const ErrorNames& shape) {
    Entries entries;
    for (const auto error : errors_of_nginx()) entries.push_back(&entry(error));
    auto schema = error_schema(plain, entries);
    if (&shape == &enveloped)
        schema = object({{"anyOf", array({error_schema(enveloped, entries), schema})}});
    return object({{"description",
                    literal("nginx refuses any request that is malformed, too large or one too "
                            "many, before an endpoint sees it, and answers for one that is away.")},
                   {"headers", headers({"X-Request-ID"})},
                   {"content", error_content(schema, entries)}});
}

void keep_error_schemas(Schemas& schemas) {
    schemas.keep("ErrorDetail", R"({"additionalProperties":false,"properties":{
        "loc":{"description":"Where it is: body, query or path, then names and indices",
               "items":{"type":["string","integer"]},"type":"array"},
        "msg":{"type":"string"},
        "type":{"description":"As Pydantic v2 calls it","examples":["string_too_short"],
                "type":"string"}},
        "required":["loc","msg","type"],"type":"object"})");
    const std::string common = R"("details":{"description":"Every bad field at once","items":)" +
                               ref("schemas", "ErrorDetail") + R"(,"type":"array"},)";
    const std::string shared =
        common + R"("message":{"type":"string"},"request_id":{"type":"string"})";
    schemas.keep("PlainError", R"({"additionalProperties":false,"properties":{)" + shared +
                                   R"(,"type":{"type":"string"}},
        "required":["message","request_id","type"],"type":"object"})");
    schemas.keep("EnvelopedError", R"({"additionalProperties":false,"properties":{
        "error":{"additionalProperties":false,"properties":{"code":{"type":"string"},)" +
                                       shared + R"(},"required":["code","message","request_id"],
                 "type":"object"},
        "success":{"const":false}},"required":["error","success"],"type":"object"})");
    schemas.keep("Problem", R"({"additionalProperties":false,"description":
        "RFC 9457, for whoever accepts application/problem+json",
        "properties":{"code":{"type":"string"},)" +
                                common + R"("detail":{"type":"string"},
        "instance":{"description":"The request id","type":"string"},
        "status":{"type":"integer"},"title":{"type":"string"},"type":{"const":"about:blank"}},
        "required":["code","detail","instance","status","title","type"],"type":"object"})");
}

// --- operations

// The parameters of a path template, in order.
std::vector<std::string> parameters_of(const std::string& path) {
    std::vector<std::string> names;
    for (const auto segment : split(path, '/'))
        if (segment.starts_with('{')) names.emplace_back(segment.substr(1, segment.size() - 2));
    return names;
}

std::string path_parameter(const std::string& name, const std::string& schema) {
    return object({{"name", literal(name)},
                   {"in", literal("path")},
                   {"required", "true"},
                   {"schema", schema}});
}

// A parameter that may be null is one that may be left out.
const Value& without_null(const Value& schema) {
    const auto* const alternatives = json::find(schema, "anyOf");
    return alternatives ? (*alternatives)[0] : schema;
}

std::string query_parameter(const std::string& name, const Value& declared, bool is_required) {
    Members schema;
    Members parameter{{"name", literal(name)},
                      {"in", literal("query")},
                      {"required", is_required ? "true" : "false"}};
    for (const auto& [key, value] : without_null(declared).GetObject()) {
        auto& part = json::text_of(key) == "description" ? parameter : schema;
        part.emplace_back(json::text_of(key), json::canonical(value));
    }
    parameter.emplace_back("schema", object(schema));
    return object(parameter);
}

bool is_required(const Value& schema, std::string_view name) {
    const auto& required = schema["required"];
    return std::any_of(required.Begin(), required.End(),
                       [&](const auto& one) { return json::text_of(one) == name; });
}

std::string parameters(const Value& endpoint, const Value& operation, const std::string& path) {
    std::vector<std::string> all;
    for (const auto& name : parameters_of(path))
        all.push_back(path_parameter(name, json::canonical(endpoint["parameters"][name.c_str()])));
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

// A body from the examples of its members. Throws when a member that must be there has none.
std::string example_of(const Value& schema) {
    Members members;
    for (const auto& [key, member] : schema["properties"].GetObject()) {
        const auto name = std::string{json::text_of(key)};
        if (const auto* const examples = json::find(without_null(member), "examples"))
            members.emplace_back(name, json::canonical((*examples)[0]));
        else if (is_required(schema, name))
            throw std::runtime_error("declare an example for " + name + " of " +
                                     text_at(schema, "title"));
    }
    return object(members);
}

std::string request_body(const Value& operation, Schemas& schemas) {
    const auto& schema = operation["request"];
    const auto content =
        object({{"example", example_of(schema)}, {"schema", schemas.use(schema, false)}});
    return object({{"required", operation["request_optional"].IsTrue() ? "false" : "true"},
                   {"content", object({{"application/json", content}})}});
}

// What an envelope wraps around the data.
std::string envelope(const Value& answer, Schemas& schemas) {
    const auto& schema = answer["schema"];
    const auto* const items = json::find(schema, "items");
    const bool is_page = answer["page"].IsTrue();
    Members properties{{"data", schemas.use(schema, true)},
                       {"message", R"({"type":["string","null"]})"}};
    if (is_page)
        properties.emplace_back("pagination",
                                schemas.use(json::parse(json::schema<Pagination>()), true));
    properties.emplace_back("success", R"({"const":true})");
    std::vector<std::string> required;
    for (const auto& property : properties) required.push_back(literal(property.first));
    return schemas.keep(text_at(items ? *items : schema, "title") + (items ? "List" : "Data"),
                        object({{"additionalProperties", "false"},
                                {"properties", object(properties)},
                                {"required", array(required)},
                                {"type", literal("object")}}));
}

std::string success(const Value& endpoint, const Value& operation, Schemas& schemas) {
    const auto& answer = operation["answer"];
    std::vector<std::string> names;
    if (answer["etag"].IsTrue()) names.emplace_back("ETag");
    if (answer["location"].IsTrue()) names.emplace_back("Location");
    const int status = answer["status"].GetInt();
    if (tells_limit(operation, status))
        names.insert(names.end(), std::begin(limit_headers), std::end(limit_headers));
    names.emplace_back("X-Request-ID");
    Members response{{"description", literal(status == 101   ? "Switching Protocols"
                                             : status == 201 ? "Created"
                                             : status == 204 ? "No content"
                                                             : "OK")},
                     {"headers", headers(names)}};
    if (!answer["schema"].IsNull()) {
        const auto schema = is_enveloped(endpoint) ? envelope(answer, schemas)
                                                   : schemas.use(answer["schema"], true);
        response.emplace_back("content", object({{"application/json", media(schema)}}));
    }
    if (answer["stream"].IsTrue())
        response.emplace_back("content",
                              object({{"text/event-stream", media(R"({"type":"string"})")}}));
    return object(response);
}

int status_of(std::string_view error_name) {
    for (const auto& row : error_registry())
        if (row.name == error_name) return row.status;
    throw std::runtime_error("no error has the name " + std::string{error_name});
}

std::string responses(const Value& endpoint, const Value& operation, Schemas& schemas) {
    const auto& shape = names_of(endpoint);
    const auto& answer = operation["answer"];
    Members all{{std::to_string(answer["status"].GetInt()), success(endpoint, operation, schemas)}};
    if (text_at(operation, "method") == "GET" && answer["etag"].IsTrue())
        all.emplace_back("304", ref("responses", tells_limit(operation, 304) ? "NotModifiedLimited"
                                                                             : "NotModified"));
    std::set<int> statuses;
    for (const auto& error : operation["errors"].GetArray())
        statuses.insert(status_of(json::text_of(error)));
    for (const int status : statuses)
        all.emplace_back(
            std::to_string(status),
            ref("responses", response_name(shape, status, tells_limit(operation, status))));
    all.emplace_back("default", ref("responses", default_name(shape)));
    return object(all);
}

// The alternatives by which a caller may be proved; {} stands for a request without any.
std::string security_of(const AuthRule& rule) {
    std::vector<std::string> alternatives;
    if (!rule.needs_proof && (rule.takes_token || rule.takes_key)) alternatives.emplace_back("{}");
    if (rule.takes_token) alternatives.emplace_back(R"({"bearerAuth":[]})");
    if (rule.takes_key) alternatives.emplace_back(R"({"apiKey":[]})");
    return array(alternatives);
}

// `mount` counts the places where nginx offers the endpoint, from 1.
std::string operation_at(const Value& endpoint, const Value& operation, const std::string& path,
                         int mount, Schemas& schemas) {
    auto id = ascii_lower(text_at(operation, "method")) + "_" + text_at(endpoint, "name");
    if (mount > 1) id += "_" + std::to_string(mount);
    Members members{{"operationId", literal(id)},
                    {"summary", literal(text_at(operation, "summary"))}};
    if (mount > 1)
        members.emplace_back(
            "description",
            literal("The same as " + public_path(text_at(endpoint, "path")) +
                    (path.find("{user_id}") == path.npos ? " of the token's user" : "")));
    members.insert(members.end(),
                   {{"tags", array({literal(text_at(endpoint, "tag"))})},
                    {"security", security_of(rule_named(text_at(operation, "auth")))},
                    {"parameters", parameters(endpoint, operation, path)}});
    if (!operation["request"].IsNull())
        members.emplace_back("requestBody", request_body(operation, schemas));
    members.emplace_back("responses", responses(endpoint, operation, schemas));
    return object(members);
}

std::string path_item(const Value& endpoint, const std::string& path, int mount, Schemas& schemas) {
    Members members;
    for (const auto& operation : endpoint["operations"].GetArray())
        members.emplace_back(ascii_lower(text_at(operation, "method")),
                             operation_at(endpoint, operation, path, mount, schemas));
    return object(members);
}

// --- what nginx answers alone

std::string own_item(const std::string& id, const std::string& summary,
                     const std::vector<std::string>& parameters, const Members& answers) {
    Members all = answers;
    all.emplace_back("default", ref("responses", default_name(plain)));
    return object({{"get", object({{"operationId", literal(id)},
                                   {"summary", literal(summary)},
                                   {"tags", array({literal("service")})},
                                   {"security", "[]"},
                                   {"parameters", array(parameters)},
                                   {"responses", object(all)}})}});
}

std::string file_item(const std::string& id, const std::string& summary,
                      const std::vector<std::string>& media_types, const std::string& schema,
                      std::vector<std::string> parameters = {}) {
    Members content;
    for (const auto& type : media_types) content.emplace_back(type, media(schema));
    parameters.push_back(ref("parameters", "If-None-Match"));
    parameters.push_back(ref("parameters", "X-Request-ID"));
    Members answers{{"200", object({{"description", literal("OK")},
                                    {"headers", headers({"ETag", "X-Request-ID"})},
                                    {"content", object(content)}})},
                    {"304", ref("responses", "NotModified")}};
    for (const int status : {404, 412})
        answers.emplace_back(std::to_string(status),
                             ref("responses", response_name(plain, status)));
    return own_item(id, summary, parameters, answers);
}

void add_own_paths(Members& paths, Schemas& schemas) {
    const auto readiness = schemas.use(json::parse(json::schema<Readiness>()), true);
    const auto alive = object({{"description", literal("OK")},
                               {"headers", headers({"X-Request-ID"})},
                               {"content", object({{"application/json", media(readiness)}})}});
    paths.emplace_back("/livez",
                       own_item("get_livez", "Whether the service is alive: nginx alone answers",
                                {ref("parameters", "X-Request-ID")}, {{"200", alive}}));
    paths.emplace_back("/openapi.json", file_item("get_openapi", "This document",
                                                  {"application/json"}, R"({"type":"object"})"));
    paths.emplace_back("/docs", file_item("get_docs", "This document as a page to read and try",
                                          {"text/html"}, "{}"));
    paths.emplace_back("/docs/{file}",
                       file_item("get_docs_file", "What the page is made of",
                                 {"text/css", "text/javascript", "image/png", "text/plain"}, "{}",
                                 {path_parameter("file", R"({"type":"string"})")}));
}

// --- the whole

std::string header_parameter(const std::string& name, const std::string& description,
                             bool is_required, const std::string& schema) {
    return object({{"name", literal(name)},
                   {"in", literal("header")},
                   {"required", is_required ? "true" : "false"},
                   {"description", literal(description)},
                   {"schema", schema}});
}

std::string shared_parameters() {
    const std::string text = R"({"type":"string"})";
    const auto id_pattern = "^[A-Za-z0-9" + std::string{request_id_punctuation} + "]{1," +
                            std::to_string(max_request_id_bytes) + "}$";
    const std::string if_match = "ETags, or * for any: 412 unless the resource has one of them";
    return object(
        {{"Idempotency-Key",
          header_parameter(
              "Idempotency-Key",
              "Of the caller's choice: the same request with the same key is done once, and "
              "answered the same each time; another request with it is 422",
              false, R"({"maxLength":255,"minLength":1,"type":"string"})")},
         {"If-Match", header_parameter("If-Match", if_match, false, text)},
         {"If-Match-Required", header_parameter("If-Match", if_match, true, text)},
         {"If-None-Match",
          header_parameter("If-None-Match",
                           "ETags that are known, or * for any: where the resource has one of "
                           "them, GET is 304 and a change 412",
                           false, text)},
         {"Last-Event-ID",
          header_parameter("Last-Event-ID", "As `after`, which it beats", false, text)},
         {"X-Request-ID",
          header_parameter(
              "X-Request-ID", "Made when absent or anything else", false,
              object({{"pattern", literal(id_pattern)}, {"type", literal("string")}}))}});
}

std::string shared_headers() {
    const auto header = [](const std::string& description, bool is_required = true) {
        return object({{"description", literal(description)},
                       {"required", is_required ? "true" : "false"},
                       {"schema", R"({"type":"string"})"}});
    };
    return object({{"Allow", header("The methods of the path")},
                   {"ETag", header("Of the representation, for If-Match and If-None-Match")},
                   {"Location", header("The path of what was made")},
                   {"RateLimit", header("What is left of the limit, and the seconds until all "
                                        "of it is there again",
                                        false)},
                   {"RateLimit-Policy", header("The limit and its seconds", false)},
                   {"Retry-After", header("Seconds to wait")},
                   {"WWW-Authenticate", header("Bearer or ApiKey")},
                   {"X-RateLimit-Limit", header("Requests at once", false)},
                   {"X-RateLimit-Remaining", header("Requests that are left", false)},
                   {"X-RateLimit-Reset", header("Seconds until all of them are left", false)},
                   {"X-Request-ID", header("The request's name in the log")}});
}

std::string shared_responses() {
    std::vector<std::string> names{"ETag", "X-Request-ID"};
    const auto not_modified = [&] {
        return object(
            {{"description", literal("The ETag still holds")}, {"headers", headers(names)}});
    };
    Members all{{"NotModified", not_modified()}};
    names.insert(names.end(), std::begin(limit_headers), std::end(limit_headers));
    all.emplace_back("NotModifiedLimited", not_modified());
    std::set<int> statuses;
    for (const auto& row : error_registry()) statuses.insert(row.status);
    for (const auto* const shape : {&plain, &enveloped}) {
        all.emplace_back(default_name(*shape), default_response(*shape));
        for (const int status : statuses)
            for (const bool has_limit : {false, true})
                all.emplace_back(response_name(*shape, status, has_limit),
                                 error_response(*shape, status, has_limit));
    }
    return object(all);
}

constexpr std::string_view about =
    "Tasks on a shared board, everybody's own tasks, conversations, and jobs for programs. `HEAD` "
    "works wherever "
    "`GET` does, and `OPTIONS` on every path of an endpoint; any other method is 405 with `Allow`. "
    "Log in for a token and send it as `Authorization: Bearer <token>`; programs that work with "
    "jobs "
    "send `X-API-Key`.";

constexpr std::string_view bearer =
    R"({"bearerFormat":"JWT","description":"The access_token of POST /auth/login",)"
    R"("scheme":"bearer","type":"http"})";

constexpr std::string_view api_key =
    R"({"description":"One of API_KEYS","in":"header","name":"X-API-Key","type":"apiKey"})";

}  // namespace

void print_openapi(std::ostream& out) {
    const auto endpoints = describe_handlers();
    Schemas schemas;
    keep_error_schemas(schemas);
    Members paths;
    std::set<std::string> tags{"service"};
    for (const auto& endpoint : endpoints) {
        tags.insert(text_at(endpoint, "tag"));
        const auto path = public_path(text_at(endpoint, "path"));
        paths.emplace_back(path, path_item(endpoint, path, 1, schemas));
    }
    for (const auto& endpoint : endpoints) {
        int mount = 1;
        for (const auto& path : endpoint["also_at"].GetArray())
            paths.emplace_back(
                json::text_of(path),
                path_item(endpoint, std::string{json::text_of(path)}, ++mount, schemas));
    }
    add_own_paths(paths, schemas);
    std::vector<std::string> tag_objects;
    tag_objects.reserve(tags.size());
    for (const auto& tag : tags) tag_objects.push_back(object({{"name", literal(tag)}}));

    const auto text =
        object({{"openapi", literal("3.1.0")},
                {"info", object({{"title", literal("steelthread")},
                                 {"version", literal(service_version)},
                                 {"description", literal(about)}})},
                {"servers", R"([{"url":"/"}])"},
                {"tags", array(tag_objects)},
                {"paths", object(paths)},
                {"components",
                 object({{"headers", shared_headers()},
                         {"parameters", shared_parameters()},
                         {"responses", shared_responses()},
                         {"schemas", schemas.text()},
                         {"securitySchemes", object({{"bearerAuth", std::string{bearer}},
                                                     {"apiKey", std::string{api_key}}})}})}});
    rapidjson::StringBuffer pretty;
    rapidjson::PrettyWriter<rapidjson::StringBuffer> writer{pretty};
    writer.SetIndent(' ', 1);
    json::parse(text).Accept(writer);
    out << pretty.GetString() << '\n';
}
