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

Json error_schema(const Shape& shape, const Entries& entries) {
    const auto code = one_of(entries, shape.code);
    const auto schema = ref("schemas", std::string{shape.name} + "Error");
    if (&shape == &plain) return restricted(schema, {{"type", code}});
    return restricted(schema, {{"error", object({{"properties", object({{"code", code}})}})}});
}

// Every error is available in the shape of RFC 9457, too.
Json error_content(const Json& schema, const Entries& entries) {
    const auto problem =
        restricted(ref("schemas", "Problem"), {{"code", one_of(entries, &ErrorEntry::code)}});
    return object(
        {{"application/json", media(schema)}, {"application/problem+json", media(problem)}});
}

std::string description_of(const Entries& entries, const Shape& shape) {
    std::string text;
    for (const auto* const row : entries)
        text.append(text.empty() ? "" : " ")
            .append("`")
            .append(row->*shape.code)
            .append("`: ")
            .append(row->meaning);
    return text;
}

Json error_response(const Shape& shape, int status, bool has_limit) {
    const auto entries = entries_of_status(status);
    std::vector<std::string> headers;
    for (const auto* const row : entries)
        if (!row->header.empty() &&
            std::find(headers.begin(), headers.end(), row->header) == headers.end())
            headers.emplace_back(row->header);
    return object({{"description", description_of(entries, shape)},
                   {"headers", response_headers(headers, has_limit)},
                   {"content", error_content(error_schema(shape, entries), entries)}});
}

// If nginx could not read the request line, it does not know the shape.
Json refusal(const Shape& shape) {
    Entries entries;
    for (const auto error : errors_of_nginx()) entries.push_back(&entry(error));
    auto schema = error_schema(plain, entries);
    if (&shape == &enveloped)
        schema = object({{"anyOf", array({error_schema(enveloped, entries), schema})}});
    return object(
        {{"description",
          "nginx itself refuses a request that is malformed, too large or beyond a limit, "
          "and answers for an endpoint that is down."},
         {"headers", response_headers({}, false)},
         {"content", error_content(schema, entries)}});
}

}  // namespace

std::string error_name(const Shape& shape, int status, bool has_limit) {
    std::string name = shape.name;
    for (const char c : entries_of_status(status).at(0)->title)
        if (c != ' ') name += c;
    return has_limit ? name + "Limited" : name;
}

std::string refusal_name(const Shape& shape) { return std::string{shape.name} + "Refusal"; }

Json response_headers(std::vector<std::string> names, bool has_limit) {
    if (has_limit) names.insert(names.end(), std::begin(limit_headers), std::end(limit_headers));
    names.emplace_back("X-Request-ID");
    Members headers;
    for (const auto& name : names) headers.emplace_back(name, ref("headers", name));
    return object(headers);
}

Json media(const Json& schema) { return object({{"schema", schema}}); }

Members error_responses() {
    Members all;
    std::set<int> statuses;
    for (const auto& row : error_registry()) statuses.insert(row.status);
    for (const auto* const shape : {&plain, &enveloped}) {
        all.emplace_back(refusal_name(*shape), refusal(*shape));
        for (const int status : statuses)
            for (const bool has_limit : {false, true})
                all.emplace_back(error_name(*shape, status, has_limit),
                                 error_response(*shape, status, has_limit));
    }
    return all;
}

}  // namespace openapi
