#include "tests/support/stack/openapi.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <stdexcept>

#include "shared/error.hpp"
#include "shared/json/reader.hpp"
#include "shared/text.hpp"
#include "tests/support/stack/schema.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

// The path of a target without a final slash, which makes no difference.
std::string_view resource_of(std::string_view target) {
    auto path = target.substr(0, target.find('?'));
    if (path.size() > 1 && path.ends_with('/') && !path.ends_with("//")) path.remove_suffix(1);
    return path;
}

using rapidjson::Value;

std::vector<std::string> segments_of(std::string_view path) {
    std::vector<std::string> segments;
    for (const auto segment : split(path, '/'))
        segments.push_back(percent_decode(segment).value_or(std::string{segment}));
    return segments;
}

bool is_parameter(const std::string& segment) { return segment.starts_with('{'); }

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
    return std::equal(pattern.begin(), pattern.end(), path.begin(), path.end(),
                      [](const auto& wanted, const auto& segment) {
                          return is_parameter(wanted) ? !segment.empty() : wanted == segment;
                      });
}

// Headers that a response must have exactly if it declares them.
constexpr const char* declared_headers[] = {
    "Allow", "ETag", "Location", "Retry-After", "WWW-Authenticate", "X-Request-ID"};

// Headers that a response must have if it declares them, unless nginx sends it.
constexpr const char* limit_headers[] = {"RateLimit", "RateLimit-Policy", "X-RateLimit-Limit",
                                         "X-RateLimit-Remaining", "X-RateLimit-Reset"};

std::string header_fault(const Value& declared, const Reply& reply) {
    const auto* const headers = json::find(declared, "headers");
    for (const char* name : declared_headers) {
        const bool is_declared = headers && json::find(*headers, name);
        const bool is_there = !reply.header(ascii_lower(name)).empty();
        if (is_declared && !is_there) return std::string{"no header "} + name;
        if (!is_declared && is_there) return std::string{"an undeclared header "} + name;
    }
    for (const char* name : limit_headers) {
        const bool is_declared = headers && json::find(*headers, name);
        const bool is_there = !reply.header(ascii_lower(name)).empty();
        if (is_declared && reply.status < 400 && !is_there) return std::string{"no header "} + name;
        if (!is_declared && is_there) return std::string{"an undeclared header "} + name;
    }
    return {};
}

std::string media_type_of(const Reply& reply) {
    const auto field = reply.header("content-type");
    return field.substr(0, field.find(';'));
}

std::string body_fault(const Value& declared, std::string_view method, const Reply& reply,
                       const Value& root) {
    const auto* const content = json::find(declared, "content");
    if (!content || method == "HEAD") {
        if (!reply.body.empty()) return "a body where there should be none";
        return {};
    }
    const auto type = media_type_of(reply);
    const auto* const media = json::find(*content, type.c_str());
    if (!media) return "the media type is " + type;
    if (type.find("json") == type.npos) return {};
    rapidjson::Document body;
    body.Parse(reply.body.data(), reply.body.size());
    if (body.HasParseError()) return "the body is no JSON";
    return schema_fault((*media)["schema"], body, root);
}

// The response of a status that has one error. No operation can give it, so the document does not
// list it.
rapidjson::Document error_of(bool is_enveloped, int status) {
    const auto all = error_registry();
    const auto row =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.status == status; });
    const auto schema = [](const std::string& name, const std::string& properties) {
        return R"({"schema":{"allOf":[{"$ref":"#/components/schemas/)" + name +
               R"("},{"properties":)" + properties + "}]}}";
    };
    const auto one_of = [](std::string_view code) {
        return R"({"enum":[")" + std::string{code} + R"("]})";
    };
    const auto code = one_of(row->code);
    const auto json =
        is_enveloped ? schema("EnvelopedError", R"({"error":{"properties":{"code":)" + code + "}}}")
                     : schema("PlainError", R"({"type":)" + one_of(row->type) + "}");
    return json::parse(
        R"({"content":{"application/json":)" + json + R"(,"application/problem+json":)" +
        schema("Problem", R"({"code":)" + code + "}") + R"(},"headers":{"X-Request-ID":{})" +
        (status == 405 ? R"(,"Allow":{})" : "") + "}}");
}

}  // namespace

Contract::Contract(const std::string& document, std::string api_prefix)
    : api_prefix_(std::move(api_prefix)) {
    document_.Parse(document.data(), document.size());
    if (document_.HasParseError() || !document_.IsObject() || !json::find(document_, "paths"))
        throw std::logic_error("no OpenAPI document");
    for (const auto& [path, item] : document_["paths"].GetObject()) {
        all_.emplace_back(json::text_of(path), &item);
        // Every operation of a path names the same other paths.
        if (const auto* const others = json::find(item.MemberBegin()->value, "x-also-at"))
            for (const auto& other : others->GetArray())
                all_.emplace_back(json::text_of(other), &item);
    }
    for (const auto& [path, item] : all_) paths_.push_back({segments_of(path), item});
    // Of two matching paths, the one with a fixed segment where the other has a parameter comes
    // first.
    std::stable_sort(paths_.begin(), paths_.end(), [](const auto& a, const auto& b) {
        return std::lexicographical_compare(
            a.segments.begin(), a.segments.end(), b.segments.begin(), b.segments.end(),
            [](const auto& x, const auto& y) { return !is_parameter(x) && is_parameter(y); });
    });
}

const Contract& Contract::of(const std::string& api_prefix) {
    static std::mutex mutex;
    static std::map<std::string, std::unique_ptr<Contract>> kept;
    const std::lock_guard lock{mutex};
    auto& contract = kept[api_prefix];
    if (contract) return *contract;
    static constexpr std::string_view word = "${API_PREFIX}";
    const auto of_copy = built("nginx/openapi.json");  // see keep_handlers()
    auto text = read_text(std::filesystem::exists(of_copy) ? of_copy : "nginx/openapi.json");
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at))
        text.replace(at, word.size(), api_prefix);
    contract = std::make_unique<Contract>(text, api_prefix);
    return *contract;
}

const Value* Contract::item_at(std::string_view path) const {
    const auto segments = segments_of(path);
    const auto found = std::find_if(paths_.begin(), paths_.end(), [&](const auto& one) {
        return matches(one.segments, segments);
    });
    return found == paths_.end() ? nullptr : found->item;
}

const Value* Contract::operation(std::string_view method, std::string_view target) const {
    const auto* const item = item_at(resource_of(target));
    return item ? json::find(*item, ascii_lower(method == "HEAD" ? "GET" : method).c_str())
                : nullptr;
}

std::string Contract::fault(std::string_view method, std::string_view target,
                            const Reply& reply) const {
    const auto path = resource_of(target);
    std::string text;
    if (const auto* const declared = operation(method, target)) {
        const auto& responses = (*declared)["responses"];
        const auto* listed = json::find(responses, std::to_string(reply.status).c_str());
        // A path with escapes or dot segments may be another path to nginx, or an invalid one.
        const bool may_be_no_path =
            reply.status == 404 && (path.find('%') != path.npos || path.find("/.") != path.npos);
        if (!listed && may_be_no_path)
            text = unlisted_fault(false, method, path, reply);
        else
            text = response_fault(listed ? *listed : responses["default"], !listed, method, reply);
    } else {
        text = unlisted_fault(item_at(path) != nullptr, method, path, reply);
    }
    if (text.empty()) return {};
    return std::string{method}
        .append(" ")
        .append(target.substr(0, 200))
        .append(" ")
        .append(std::to_string(reply.status))
        .append(": ")
        .append(text)
        .append("\n")
        .append(reply.body.substr(0, 500));
}

const Value& Contract::refusal(bool is_enveloped) const {
    const auto name = std::string{is_enveloped ? "Enveloped" : "Plain"} + "Refusal";
    const auto* const found = json::find(document_["components"]["responses"], name.c_str());
    if (!found) throw std::logic_error("no response " + name);
    return *found;
}

std::string Contract::unlisted_fault(bool is_known_path, std::string_view method,
                                     std::string_view path, const Reply& reply) const {
    if (is_known_path && method == "OPTIONS" && reply.status == 204)
        return reply.body.empty() && !reply.header("allow").empty() ? "" : "no answer to OPTIONS";
    const bool is_enveloped = path.starts_with("/api/") || path.starts_with(api_prefix_ + "/");
    if (reply.status == 405)
        return response_fault(error_of(is_enveloped, 405), false, method, reply);
    if (reply.status == 404 && !is_known_path)
        return response_fault(error_of(is_enveloped, 404), false, method, reply);
    return response_fault(refusal(is_enveloped), true, method, reply);
}

std::string Contract::response_fault(const Value& declared, bool is_default,
                                     std::string_view method, const Reply& reply) const {
    const auto& resolved = dereferenced(declared, document_);
    // nginx's own refusals share one declared response for several statuses.
    auto text = is_default ? "" : header_fault(resolved, reply);
    if (text.empty()) text = body_fault(resolved, method, reply, document_);
    return text;
}
