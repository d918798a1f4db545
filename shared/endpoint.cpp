#include "shared/endpoint.hpp"

#include <algorithm>

#include "shared/http/target.hpp"
#include "shared/json/writer.hpp"

namespace {

constexpr std::string_view family_names[] = {"probe", "orchestrator", "api"};
constexpr std::string_view auth_names[] = {"none", "user", "owner", "key", "user_or_key", "reader"};
constexpr std::string_view limit_names[] = {"none", "requests", "attempts"};

// Whether If-Match and If-None-Match are evaluated (RFC 9110, section 13.2.1): by each operation on
// a resource that has an ETag. A POST changes something else than what its path represents.
bool takes_preconditions(const Endpoint& declared, const Operation& operation) {
    if (operation.method == Method::post) return false;
    return operation.answer.has_etag ||
           std::any_of(declared.operations.begin(), declared.operations.end(),
                       [](const auto& other) {
                           return other.method == Method::get && other.answer.has_etag;
                       });
}

// The declared errors and those that every operation of this kind can answer.
std::vector<Error> errors_of(const Endpoint& declared, const Operation& operation) {
    auto errors = operation.errors;
    const auto auth = operation.auth;
    const bool takes_token = auth != Auth::none && auth != Auth::key;
    if (takes_token) errors.push_back(Error::invalid_token);
    if (takes_token && auth != Auth::reader) errors.push_back(Error::auth_required);
    if (auth == Auth::key || auth == Auth::user_or_key || auth == Auth::reader)
        errors.push_back(Error::invalid_api_key);
    if (limit_of(operation) != Limit::none) errors.push_back(Error::rate_limited);
    if (operation.auth == Auth::owner)
        errors.insert(errors.end(), {Error::forbidden, Error::validation_error});
    if (operation.query_schema) errors.push_back(Error::validation_error);
    if (operation.request_schema)
        errors.insert(errors.end(), {Error::payload_too_large, Error::unsupported_media_type,
                                     Error::validation_error});
    if (takes_preconditions(declared, operation))
        errors.insert(errors.end(), {Error::precondition_failed, Error::weak_etag});
    if (operation.needs_if_match) errors.push_back(Error::precondition_required);
    errors.insert(errors.end(), {Error::internal_error, Error::service_unavailable});
    std::sort(errors.begin(), errors.end());
    errors.erase(std::unique(errors.begin(), errors.end()), errors.end());
    return errors;
}

void write_schema(json::Writer& writer, Schema schema) {
    if (schema)
        writer.raw(schema());
    else
        writer.null();
}

void write_operation(json::Writer& writer, const Endpoint& declared, const Operation& operation) {
    writer.begin_object();
    writer.key("answer");
    writer.begin_object();
    writer.key("etag");
    writer.boolean(operation.answer.has_etag);
    writer.key("location");
    writer.boolean(operation.answer.has_location);
    writer.key("page");
    writer.boolean(operation.answer.is_page);
    writer.key("schema");
    write_schema(writer, operation.answer.schema);
    writer.key("status");
    writer.integer(operation.answer.status);
    writer.key("stream");
    writer.boolean(operation.answer.is_stream);
    writer.end_object();
    writer.key("auth");
    writer.string(auth_names[static_cast<int>(operation.auth)]);
    writer.key("errors");
    writer.begin_array();
    for (const auto error : errors_of(declared, operation)) writer.string(entry(error).name);
    writer.end_array();
    writer.key("idempotency_key");
    writer.boolean(operation.takes_idempotency_key);
    writer.key("if_match");
    writer.string(operation.needs_if_match                   ? "required"
                  : takes_preconditions(declared, operation) ? "optional"
                                                             : "none");
    writer.key("limit");
    writer.string(limit_names[static_cast<int>(limit_of(operation))]);
    writer.key("method");
    writer.string(name_of(operation.method));
    writer.key("query");
    write_schema(writer, operation.query_schema);
    writer.key("request");
    write_schema(writer, operation.request_schema);
    writer.key("request_optional");
    writer.boolean(operation.is_body_optional);
    writer.key("summary");
    writer.string(operation.summary);
    writer.end_object();
}

}  // namespace

std::string allowed_methods(const Endpoint& declared) {
    std::string list;
    for (const auto& operation : declared.operations) {
        list.append(name_of(operation.method)).append(", ");
        if (operation.method == Method::get) list += "HEAD, ";
    }
    return list + "OPTIONS";
}

std::string describe(const Endpoint& declared, std::string_view name) {
    std::string text;
    json::Writer writer{text};
    writer.begin_object();
    writer.key("allow");
    writer.string(allowed_methods(declared));
    writer.key("also_at");
    writer.begin_array();
    for (const auto path : declared.also_at) writer.string(path);
    writer.end_array();
    writer.key("family");
    writer.string(family_names[static_cast<int>(declared.family)]);
    writer.key("name");
    writer.string(name);
    writer.key("operations");
    writer.begin_array();
    for (const auto& operation : declared.operations) write_operation(writer, declared, operation);
    writer.end_array();
    writer.key("parameters");
    writer.begin_object();
    if (declared.path.find("{id}") != declared.path.npos) {
        writer.key("id");
        writer.raw(declared.id_schema());
    }
    if (declared.path.find(user_parameter) != declared.path.npos) {
        writer.key("user_id");
        writer.raw(R"({"description":"The token's user","minLength":1,"type":"string"})");
    }
    writer.end_object();
    writer.key("path");
    writer.string(declared.path);
    writer.end_object();
    return text;
}
