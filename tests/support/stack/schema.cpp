#include "tests/support/stack/schema.hpp"

#include <rapidjson/pointer.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "shared/json/reader.hpp"
#include "shared/text.hpp"
#include "shared/uuid.hpp"

namespace {

using rapidjson::Value;

const Value* find(const Value& value, std::string_view name) {
    const auto found = value.FindMember(Value(rapidjson::StringRef(name.data(), name.size())));
    return found == value.MemberEnd() ? nullptr : &found->value;
}

bool is_integer(const Value& value) {
    return value.IsInt64() || value.IsUint64() ||
           (value.IsDouble() && std::trunc(value.GetDouble()) == value.GetDouble());
}

bool is_of_type(const Value& value, std::string_view type) {
    if (type == "null") return value.IsNull();
    if (type == "boolean") return value.IsBool();
    if (type == "object") return value.IsObject();
    if (type == "array") return value.IsArray();
    if (type == "number") return value.IsNumber();
    if (type == "string") return value.IsString();
    if (type == "integer") return is_integer(value);
    throw std::logic_error("unknown type " + std::string{type});
}

// RFC 3339 in UTC, with microseconds.
bool is_timestamp(std::string_view text) {
    static constexpr std::string_view form = "0000-00-00T00:00:00.000000Z";
    return text.size() == form.size() &&
           std::equal(text.begin(), text.end(), form.begin(), [](char c, char wanted) {
               return wanted == '0' ? c >= '0' && c <= '9' : c == wanted;
           });
}

bool has_format(const Value& value, std::string_view format) {
    if (format == "int64") return !value.IsNumber() || value.IsInt64();
    if (!value.IsString()) return true;
    if (format == "date-time") return is_timestamp(json::text_of(value));
    if (format == "uuid") return Uuid::parse(json::text_of(value)).has_value();
    throw std::logic_error("unknown format " + std::string{format});
}

// Checks one value. Each check returns the fault or an empty text.
class Check {
public:
    explicit Check(const Value& root) : root_(root) {}

    std::string fault(const Value& schema, const Value& value, const std::string& at) const {
        if (!schema.IsObject()) throw std::logic_error("a schema is no object");
        for (const auto& [key, argument] : schema.GetObject()) {
            const auto found = checks.find(json::text_of(key));
            if (found == checks.end())
                throw std::logic_error("unknown keyword " + std::string{json::text_of(key)});
            if (!found->second) continue;
            auto text = (this->*found->second)(argument, value, at, schema);
            if (!text.empty()) return text;
        }
        return {};
    }

private:
    using One = std::string (Check::*)(const Value& argument, const Value& value,
                                       const std::string& at, const Value& schema) const;
    static const std::map<std::string_view, One> checks;

    static std::string unless(bool is_good, const std::string& at, const std::string& what) {
        return is_good ? "" : (at.empty() ? "/" : at) + ": " + what;
    }

    std::string reference(const Value&, const Value& value, const std::string& at,
                          const Value& schema) const {
        return fault(dereferenced(schema, root_), value, at);
    }

    std::string type(const Value& argument, const Value& value, const std::string& at,
                     const Value&) const {
        bool is_good = false;
        if (argument.IsString()) is_good = is_of_type(value, json::text_of(argument));
        if (argument.IsArray())
            for (const auto& one : argument.GetArray())
                is_good = is_good || is_of_type(value, json::text_of(one));
        return unless(is_good, at, "not of type " + json::canonical(argument));
    }

    std::string among(const Value& argument, const Value& value, const std::string& at,
                      const Value&) const {
        return unless(std::find(argument.Begin(), argument.End(), value) != argument.End(), at,
                      json::canonical(value) + " is not among " + json::canonical(argument));
    }

    std::string equal(const Value& argument, const Value& value, const std::string& at,
                      const Value&) const {
        return unless(argument == value, at, "not " + json::canonical(argument));
    }

    std::string properties(const Value& argument, const Value& value, const std::string& at,
                           const Value&) const {
        if (!value.IsObject()) return {};
        for (const auto& [key, schema] : argument.GetObject()) {
            const auto* const member = find(value, json::text_of(key));
            if (!member) continue;
            auto text = fault(schema, *member, at + "/" + std::string{json::text_of(key)});
            if (!text.empty()) return text;
        }
        return {};
    }

    std::string required(const Value& argument, const Value& value, const std::string& at,
                         const Value&) const {
        if (!value.IsObject()) return {};
        for (const auto& name : argument.GetArray())
            if (!find(value, json::text_of(name)))
                return unless(false, at, "no " + std::string{json::text_of(name)});
        return {};
    }

    std::string additional(const Value& argument, const Value& value, const std::string& at,
                           const Value& schema) const {
        if (!argument.IsFalse()) throw std::logic_error("additionalProperties is not false");
        if (!value.IsObject()) return {};
        const auto* const known = find(schema, "properties");
        for (const auto& [key, member] : value.GetObject())
            if (!known || !find(*known, json::text_of(key)))
                return unless(false, at, "unknown " + std::string{json::text_of(key)});
        return {};
    }

    std::string items(const Value& argument, const Value& value, const std::string& at,
                      const Value&) const {
        if (!value.IsArray()) return {};
        for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
            auto text = fault(argument, value[i], at + "/" + std::to_string(i));
            if (!text.empty()) return text;
        }
        return {};
    }

    std::string min_items(const Value& argument, const Value& value, const std::string& at,
                          const Value&) const {
        return unless(!value.IsArray() || value.Size() >= argument.GetUint64(), at,
                      "fewer items than " + json::canonical(argument));
    }

    std::string max_items(const Value& argument, const Value& value, const std::string& at,
                          const Value&) const {
        return unless(!value.IsArray() || value.Size() <= argument.GetUint64(), at,
                      "more items than " + json::canonical(argument));
    }

    std::string all(const Value& argument, const Value& value, const std::string& at,
                    const Value&) const {
        for (const auto& schema : argument.GetArray()) {
            auto text = fault(schema, value, at);
            if (!text.empty()) return text;
        }
        return {};
    }

    // Returns how many of the schemas the value satisfies. `last` is set to the fault of the last
    // other one.
    int count(const Value& schemas, const Value& value, const std::string& at,
              std::string& last) const {
        int good = 0;
        for (const auto& schema : schemas.GetArray()) {
            auto text = fault(schema, value, at);
            if (text.empty())
                ++good;
            else
                last = std::move(text);
        }
        return good;
    }

    std::string any(const Value& argument, const Value& value, const std::string& at,
                    const Value&) const {
        std::string last;
        return count(argument, value, at, last) > 0 ? "" : "none of several, the last: " + last;
    }

    std::string one(const Value& argument, const Value& value, const std::string& at,
                    const Value&) const {
        std::string last;
        const int good = count(argument, value, at, last);
        return unless(good == 1, at, std::to_string(good) + " alternatives in the place of one");
    }

    std::string min_length(const Value& argument, const Value& value, const std::string& at,
                           const Value&) const {
        return unless(
            !value.IsString() || code_points(json::text_of(value)) >= argument.GetUint64(), at,
            "shorter than " + json::canonical(argument));
    }

    std::string max_length(const Value& argument, const Value& value, const std::string& at,
                           const Value&) const {
        return unless(
            !value.IsString() || code_points(json::text_of(value)) <= argument.GetUint64(), at,
            "longer than " + json::canonical(argument));
    }

    std::string minimum(const Value& argument, const Value& value, const std::string& at,
                        const Value&) const {
        return unless(!value.IsNumber() || value.GetDouble() >= argument.GetDouble(), at,
                      "less than " + json::canonical(argument));
    }

    std::string maximum(const Value& argument, const Value& value, const std::string& at,
                        const Value&) const {
        return unless(!value.IsNumber() || value.GetDouble() <= argument.GetDouble(), at,
                      "greater than " + json::canonical(argument));
    }

    std::string format(const Value& argument, const Value& value, const std::string& at,
                       const Value&) const {
        return unless(has_format(value, json::text_of(argument)), at,
                      "not in the format " + json::canonical(argument));
    }

    const Value& root_;
};

// Annotations are accepted without a check.
const std::map<std::string_view, Check::One> Check::checks = {
    {"$ref", &Check::reference},
    {"additionalProperties", &Check::additional},
    {"allOf", &Check::all},
    {"anyOf", &Check::any},
    {"const", &Check::equal},
    {"default", nullptr},
    {"description", nullptr},
    {"enum", &Check::among},
    {"examples", nullptr},
    {"format", &Check::format},
    {"items", &Check::items},
    {"maxItems", &Check::max_items},
    {"maxLength", &Check::max_length},
    {"maximum", &Check::maximum},
    {"minItems", &Check::min_items},
    {"minLength", &Check::min_length},
    {"minimum", &Check::minimum},
    {"oneOf", &Check::one},
    {"properties", &Check::properties},
    {"required", &Check::required},
    {"type", &Check::type},
};

}  // namespace

std::string schema_fault(const Value& schema, const Value& value, const Value& root) {
    return Check{root}.fault(schema, value, "");
}

const Value& dereferenced(const Value& value, const Value& root) {
    const auto* const reference = find(value, "$ref");
    if (!reference) return value;
    const rapidjson::Pointer pointer{reference->GetString(), reference->GetStringLength()};
    const auto* const found = pointer.IsValid() ? pointer.Get(root) : nullptr;
    if (!found) throw std::logic_error("nothing is at " + std::string{json::text_of(*reference)});
    return *found;
}
