// JSON values that the OpenAPI document is built from.
#pragma once

#include <rapidjson/document.h>

#include <concepts>
#include <iosfwd>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/json/reader.hpp"

namespace openapi {

// A value that can be copied. A function that takes one also takes a text, a bool or a parsed
// value.
class Json {
public:
    template <std::same_as<bool> Bool>
    Json(Bool value) : value_(value) {}
    Json(std::string_view text);
    Json(const std::string& text) : Json(std::string_view{text}) {}
    Json(const char* text) : Json(std::string_view{text}) {}
    Json(const rapidjson::Value& value);
    Json(const Json& other);
    Json(Json&& other) = default;
    Json& operator=(Json other);
    ~Json() = default;

    // Objects are equal whatever the order of their members.
    bool operator==(const Json& other) const { return value_ == other.value_; }

    // Adds the target of each "$ref" in the value.
    void collect_references(std::set<std::string>& targets) const;

    // Writes the value over several lines, indented by one space per level.
    void print(std::ostream& out) const;

private:
    using Value = rapidjson::GenericValue<rapidjson::UTF8<>, rapidjson::CrtAllocator>;
    using Members = std::vector<std::pair<std::string, Json>>;
    friend Json object(const Members& members);
    friend Json array(const std::vector<Json>& elements);

    explicit Json(rapidjson::Type type) : value_(type) {}

    Value value_;
};

// Members in the order in which they are written.
using Members = std::vector<std::pair<std::string, Json>>;

Json object(const Members& members);
Json array(const std::vector<Json>& elements);
Json array_of_texts(const std::vector<std::string>& texts);

// {"$ref": "#/components/<section>/<name>"}
Json ref(std::string_view section, std::string_view name);

// The members of a parsed object, in its order.
Members members_of(const rapidjson::Value& object);

// The text of a member that is a string.
std::string text_at(const rapidjson::Value& object, const char* name);

}  // namespace openapi
