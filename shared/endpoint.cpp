#include "shared/endpoint.hpp"

#include <algorithm>
#include <stdexcept>

#include "shared/json/writer.hpp"
#include "shared/text.hpp"

namespace {

// The part of declared paths that API_PREFIX replaces.
constexpr std::string_view declared_prefix = "/api/v1";

bool is_below_prefix(std::string_view path) {
    return path.starts_with(declared_prefix) &&
           path.substr(declared_prefix.size()).starts_with('/');
}

constexpr std::string_view shape_names[] = {"plain", "enveloped"};
constexpr std::string_view limit_names[] = {"none", "requests", "writes", "attempts"};

// The declared errors and those that every operation of this kind can return.
std::vector<Error> errors_of(const Endpoint& declared, const Operation& operation) {
    auto errors = operation.errors;
    const auto& rule = rule_of(operation.auth);
    if (rule.takes_token) errors.push_back(Error::invalid_token);
    if (rule.takes_token && (rule.needs_proof || rule.guards_board))
        errors.push_back(Error::auth_required);
    if (rule.takes_key) errors.push_back(Error::invalid_api_key);
    if (limit_of(operation) != Limit::none || operation.answer.is_stream)
        errors.push_back(Error::rate_limited);
    if (rule.owns_path) errors.insert(errors.end(), {Error::forbidden, Error::validation_error});
    if (operation.takes_idempotency_key) errors.push_back(Error::validation_error);
    if (operation.query_schema) errors.push_back(Error::validation_error);
    if (operation.request_schema)
        errors.insert(errors.end(), {Error::payload_too_large, Error::unsupported_content_encoding,
                                     Error::unsupported_media_type, Error::validation_error});
    if (takes_preconditions(declared, operation))
        errors.insert(errors.end(), {Error::precondition_failed, Error::weak_etag});
    if (operation.if_match == IfMatch::required) errors.push_back(Error::precondition_required);
    errors.insert(errors.end(), {Error::internal_error, Error::service_unavailable});
    std::sort(errors.begin(), errors.end());
    errors.erase(std::unique(errors.begin(), errors.end()), errors.end());
    return errors;
}

void write_schema(json::Writer& writer, JsonSchema schema) {
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
    writer.key("existing");
    writer.boolean(operation.answer.may_exist);
    writer.key("html");
    writer.boolean(operation.answer.has_html);
    writer.key("location");
    writer.boolean(operation.answer.has_location);
    writer.key("page");
    writer.boolean(operation.answer.is_page);
    writer.key("schema");
    write_schema(writer, operation.answer.schema);
    writer.key("status");
    writer.integer(operation.answer.status);
    writer.key("stream");
    writer.boolean(operation.answer.is_stream && operation.answer.status == 200);
    writer.end_object();
    writer.key("auth");
    writer.string(rule_of(operation.auth).name);
    writer.key("description");
    writer.string(operation.description);
    writer.key("errors");
    writer.begin_array();
    for (const auto error : errors_of(declared, operation)) writer.string(entry(error).name);
    writer.end_array();
    writer.key("idempotency_key");
    writer.boolean(operation.takes_idempotency_key);
    writer.key("if_match");
    writer.string(operation.if_match == IfMatch::required    ? "required"
                  : takes_preconditions(declared, operation) ? "optional"
                                                             : "none");
    writer.key("limit");
    writer.string(limit_names[static_cast<int>(limit_of(operation))]);
    writer.key("message");
    writer.string(operation.message);
    writer.key("method");
    writer.string(name_of(operation.method));
    writer.key("name");
    writer.string(operation.name);
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

void write_parameters(json::Writer& writer, const Endpoint& declared) {
    for (const auto segment : split(declared.path, '/'))
        if (segment.starts_with('{') && segment != "{id}" && segment != user_parameter)
            throw std::logic_error("unknown parameter " + std::string{segment});
    writer.begin_object();
    if (declared.path.find("{id}") != declared.path.npos) {
        writer.key("id");
        writer.raw(declared.id_schema());
    }
    if (declared.path.find(user_parameter) != declared.path.npos) {
        writer.key("user_id");
        writer.raw(R"({"description":"The user of the token: `data.user.id` in the answer of )"
                   R"(`POST /api/auth/signin`, or the claim `sub` of the token",)"
                   R"("examples":["ada"],"minLength":1,"type":"string"})");
    }
    writer.end_object();
}

// The declared tag, or the first segment of the path that names a subject.
std::string_view tag_of(const Endpoint& declared) {
    if (!declared.tag.empty()) return declared.tag;
    for (const auto segment : split(declared.path, '/'))
        if (!segment.empty() && segment != "api" && segment != "v1" && !segment.starts_with('{'))
            return segment;
    throw std::logic_error("declare a tag for " + std::string{declared.path});
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

bool takes_preconditions(const Endpoint& declared, const Operation& operation) {
    if (operation.method == Method::post) return false;
    return operation.answer.has_etag ||
           std::any_of(declared.operations.begin(), declared.operations.end(),
                       [](const auto& other) {
                           return other.method == Method::get && other.answer.has_etag;
                       });
}

SettingGroups setting_groups(const Endpoint& declared) {
    SettingGroups groups{SettingGroup::common};
    for (const auto& operation : declared.operations) {
        const auto& rule = rule_of(operation.auth);
        if (rule.takes_token || operation.issues_tokens) groups.insert(SettingGroup::tokens);
        if (rule.takes_key) groups.insert(SettingGroup::keys);
        if (limit_of(operation) != Limit::none || operation.answer.is_stream)
            groups.insert(SettingGroup::limits);
        if (operation.hashes_passwords) groups.insert(SettingGroup::passwords);
    }
    return groups;
}

std::optional<PathParameters> match_endpoint(const Endpoint& declared, std::string_view target,
                                             std::string_view api_prefix) {
    auto parameters =
        is_below_prefix(declared.path)
            ? match_path(declared.path.substr(declared_prefix.size()), target, api_prefix)
            : match_path(declared.path, target);
    for (auto other = declared.also_at.begin(); !parameters && other != declared.also_at.end();
         ++other)
        parameters = match_path(*other, target);
    return parameters;
}

std::string mounted(std::string_view path, std::string_view api_prefix) {
    if (!is_below_prefix(path)) return std::string{path};
    return std::string{api_prefix}.append(path.substr(declared_prefix.size()));
}

std::string describe(const Endpoint& declared, std::string_view name) {
    const auto any_operation = [&](auto holds) {
        return std::any_of(declared.operations.begin(), declared.operations.end(), holds);
    };
    std::string text;
    json::Writer writer{text};
    writer.begin_object();
    writer.key("allow");
    writer.string(allowed_methods(declared));
    writer.key("also_at");
    writer.begin_array();
    for (const auto path : declared.also_at) writer.string(path);
    writer.end_array();
    writer.key("hashes_passwords");
    writer.boolean(any_operation([](const auto& one) { return one.hashes_passwords; }));
    writer.key("is_stream");
    writer.boolean(any_operation([](const auto& one) { return one.answer.is_stream; }));
    writer.key("is_websocket");
    writer.boolean(any_operation([](const auto& one) { return one.answer.status == 101; }));
    writer.key("max_body");
    writer.integer(static_cast<std::int64_t>(declared.max_body));
    writer.key("name");
    writer.string(name);
    writer.key("operations");
    writer.begin_array();
    for (const auto& operation : declared.operations) write_operation(writer, declared, operation);
    writer.end_array();
    writer.key("parameters");
    write_parameters(writer, declared);
    writer.key("path");
    writer.string(declared.path);
    writer.key("settings");
    writer.begin_array();
    for (const auto group : setting_groups(declared)) writer.string(row_of(group).name);
    writer.end_array();
    writer.key("shape");
    writer.string(shape_names[static_cast<int>(declared.shape)]);
    writer.key("tag");
    writer.string(tag_of(declared));
    writer.end_object();
    return text;
}
