#include "cli/openapi_json.hpp"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <ostream>

namespace openapi {

namespace {

// It has no state, because it calls malloc() and free().
rapidjson::CrtAllocator& heap() {
    static rapidjson::CrtAllocator allocator;
    return allocator;
}

template <class Value>
void collect(const Value& value, std::set<std::string>& targets) {
    if (value.IsArray())
        for (const auto& element : value.GetArray()) collect(element, targets);
    if (!value.IsObject()) return;
    for (const auto& [name, member] : value.GetObject())
        if (name == "$ref")
            targets.emplace(member.GetString());
        else
            collect(member, targets);
}

}  // namespace

Json::Json(std::string_view text)
    : value_(text.data(), static_cast<rapidjson::SizeType>(text.size()), heap()) {}

Json::Json(const rapidjson::Value& value) : value_(value, heap()) {}

Json::Json(const Json& other) : value_(other.value_, heap()) {}

Json& Json::operator=(Json other) {
    value_.Swap(other.value_);
    return *this;
}

void Json::collect_references(std::set<std::string>& targets) const { collect(value_, targets); }

void Json::print(std::ostream& out) const {
    rapidjson::StringBuffer text;
    rapidjson::PrettyWriter<rapidjson::StringBuffer> writer{text};
    writer.SetIndent(' ', 1);
    value_.Accept(writer);
    out << text.GetString() << '\n';
}

Json object(const Members& members) {
    Json built{rapidjson::kObjectType};
    for (const auto& [name, value] : members)
        built.value_.AddMember(Json{name}.value_, Json{value}.value_, heap());
    return built;
}

Json array(const std::vector<Json>& elements) {
    Json built{rapidjson::kArrayType};
    for (const auto& element : elements) built.value_.PushBack(Json{element}.value_, heap());
    return built;
}

Json array_of_texts(const std::vector<std::string>& texts) {
    return array({texts.begin(), texts.end()});
}

Json ref(std::string_view section, std::string_view name) {
    std::string place = "#/components/";
    place.append(section).append("/").append(name);
    return object({{"$ref", place}});
}

Members members_of(const rapidjson::Value& object) {
    Members members;
    for (const auto& [name, value] : object.GetObject())
        members.emplace_back(json::text_of(name), value);
    return members;
}

std::string text_at(const rapidjson::Value& object, const char* name) {
    return std::string{json::text_of(object[name])};
}

}  // namespace openapi
