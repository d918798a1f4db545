#include "cli/openapi_responses.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include "cli/routes.hpp"

namespace openapi {

namespace {

constexpr const char* limit_headers[] = {"RateLimit", "RateLimit-Policy", "X-RateLimit-Limit",
                                         "X-RateLimit-Remaining", "X-RateLimit-Reset"};

using Entries = std::vector<const ErrorEntry*>;

Entries entries_of_status(int status) {
    Entries found;
    for (const auto& row : error_registry())
        if (row.status == status) found.push_back(&row);
    return found;
}

Json one_of(const Entries& entries, std::string_view ErrorEntry::*member) {
    std::set<std::string> texts;
    for (const auto* const row : entries) texts.emplace(row->*member);
    return object({{"enum", array({texts.begin(), texts.end()})}});
}

// A schema whose members are restricted further.
Json restricted(const Json& schema, const Members& properties) {
    return object({{"allOf", array({schema, object({{"properties", object(properties)}})})}});
}

Json error_schema(const ErrorForm& form, const Entries& entries) {
    const auto code = one_of(entries, form.code);
    const auto schema = ref("schemas", std::string{form.name} + "Error");
    if (&form == &plain) return restricted(schema, {{"type", code}});
    return restricted(schema, {{"error", object({{"properties", object({{"code", code}})}})}});
}

// Every error is available in the shape of RFC 9457, too.
Json error_content(const Json& schema, const Entries& entries) {
    const auto problem =
        restricted(ref("schemas", "Problem"), {{"code", one_of(entries, &ErrorEntry::code)}});
    return object(
        {{"application/json", media(schema)}, {"application/problem+json", media(problem)}});
}

std::string description_of(const Entries& entries, const ErrorForm& form) {
    std::string text;
    for (const auto* const row : entries)
        text.append(text.empty() ? "" : " ")
            .append("`")
            .append(row->*form.code)
            .append("`: ")
            .append(row->meaning);
    return text;
}

Json error_response(const ErrorForm& form, int status, bool has_limit) {
    const auto entries = entries_of_status(status);
    std::vector<std::string> headers;
    for (const auto* const row : entries)
        if (!row->header.empty() &&
            std::find(headers.begin(), headers.end(), row->header) == headers.end())
            headers.emplace_back(row->header);
    return object({{"description", description_of(entries, form)},
                   {"headers", response_headers(headers, has_limit)},
                   {"content", error_content(error_schema(form, entries), entries)}});
}

// If nginx could not read the request line, it does not know the shape.
Json refusal(const ErrorForm& form) {
    Entries entries;
    for (const auto error : errors_of_nginx()) entries.push_back(&entry(error));
    auto schema = error_schema(plain, entries);
    if (&form == &enveloped)
        schema = object({{"anyOf", array({error_schema(enveloped, entries), schema})}});
    return object(
        {{"description",
          "nginx itself refuses a request that is malformed, too large or beyond a limit, "
          "and answers for an endpoint that is down."},
         {"headers", response_headers({}, false)},
         {"content", error_content(schema, entries)}});
}

Json not_modified(bool has_limit) {
    return object({{"description", "The representation still has this ETag"},
                   {"headers", response_headers({"ETag"}, has_limit)}});
}

}  // namespace

std::string error_name(const ErrorForm& form, int status, bool has_limit) {
    std::string name = form.name;
    for (const char c : entries_of_status(status).at(0)->title)
        if (c != ' ') name += c;
    return has_limit ? name + "Limited" : name;
}

std::string not_modified_name(bool has_limit) {
    return has_limit ? "NotModifiedLimited" : "NotModified";
}

std::string refusal_name(const ErrorForm& form) { return std::string{form.name} + "Refusal"; }

Json response_headers(std::vector<std::string> names, bool has_limit) {
    if (has_limit) names.insert(names.end(), std::begin(limit_headers), std::end(limit_headers));
    names.emplace_back("X-Request-ID");
    Members headers;
    for (const auto& name : names) headers.emplace_back(name, ref("headers", name));
    return object(headers);
}

Json media(const Json& schema) { return object({{"schema", schema}}); }

Json media(const Json& schema, const Json& example) {
    return object({{"example", example}, {"schema", schema}});
}

Members shared_responses() {
    Members all;
    for (const bool has_limit : {false, true})
        all.emplace_back(not_modified_name(has_limit), not_modified(has_limit));
    std::set<int> statuses;
    for (const auto& row : error_registry()) statuses.insert(row.status);
    for (const auto* const form : {&plain, &enveloped}) {
        all.emplace_back(refusal_name(*form), refusal(*form));
        for (const int status : statuses)
            for (const bool has_limit : {false, true})
                all.emplace_back(error_name(*form, status, has_limit),
                                 error_response(*form, status, has_limit));
    }
    return all;
}

}  // namespace openapi
