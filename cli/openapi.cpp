#include "cli/openapi.hpp"

#include <rapidjson/pointer.h>

#include <set>
#include <stdexcept>

#include "cli/handlers.hpp"
#include "cli/nginx_config.hpp"
#include "cli/openapi_operations.hpp"
#include "cli/openapi_responses.hpp"
#include "cli/read_file.hpp"
#include "cli/routes.hpp"
#include "shared/version.hpp"

namespace {

using namespace openapi;

using Documents = std::vector<rapidjson::Document>;

// Replaces a placeholder in the base. Throws when there is none.
void fill(rapidjson::Document& base, const char* pointer, const std::string& text) {
    auto* const place = rapidjson::Pointer{pointer}.Get(base);
    if (!place) throw std::runtime_error(std::string{"the base has no "} + pointer);
    place->SetString(text.c_str(), base.GetAllocator());
}

rapidjson::Document read_base(const std::string& path) {
    auto base = json::parse(read_file(path));
    fill(base, "/info/version", std::string{service_version});
    fill(base, "/components/parameters/X-Request-ID/schema/pattern",
         "^" + request_id_pattern() + "$");
    return base;
}

// The tags of the endpoints as the base describes them, in its order, in which they are shown.
Json tags(const Documents& endpoints, const rapidjson::Value& described) {
    std::set<std::string> used;
    for (const auto& endpoint : endpoints) used.insert(text_at(endpoint, "tag"));
    std::vector<Json> kept;
    for (const auto& tag : described.GetArray())
        if (used.erase(text_at(tag, "name")) != 0) kept.emplace_back(tag);
    if (!used.empty())
        throw std::runtime_error("the base does not describe the tag " + *used.begin());
    return array(kept);
}

// The path of each endpoint, the other listed ones, and nginx's own.
Json paths(const Documents& endpoints, const rapidjson::Value& own, Schemas& schemas) {
    Members declared, others;
    for (const auto& endpoint : endpoints)
        for (const auto& path : listed_paths(endpoint))
            (path == public_path(text_at(endpoint, "path")) ? declared : others)
                .emplace_back(path, path_item(endpoint, path, schemas));
    declared.insert(declared.end(), others.begin(), others.end());
    for (auto& [path, item] : members_of(own)) declared.emplace_back(path, item);
    return object(declared);
}

// A section of the components, such as "schemas".
struct Section {
    std::string name;
    Members members;
};

std::string reference_to(std::string_view section, std::string_view name) {
    return std::string{"#/components/"}.append(section).append("/").append(name);
}

// What `root` refers to, directly or through other components.
std::set<std::string> references_of(const Json& root, const std::vector<Section>& sections) {
    std::set<std::string> used;
    root.collect_references(used);
    for (std::size_t before = 0; before != used.size();) {
        before = used.size();
        for (const auto& [section, members] : sections)
            for (const auto& [name, component] : members)
                if (used.contains(reference_to(section, name))) component.collect_references(used);
    }
    return used;
}

// The components that are used.
Json components(const Json& root, const std::vector<Section>& sections, const Json& schemes) {
    const auto used = references_of(root, sections);
    Members all;
    for (const auto& [section, members] : sections) {
        Members kept;
        for (const auto& [name, component] : members)
            if (used.contains(reference_to(section, name))) kept.emplace_back(name, component);
        all.emplace_back(section, object(kept));
    }
    all.emplace_back("securitySchemes", schemes);
    return object(all);
}

}  // namespace

void print_openapi(const std::string& base_path, std::ostream& out) {
    const auto base = read_base(base_path);
    const auto endpoints = describe_handlers();
    const auto& fixed = base["components"];
    Schemas schemas;
    for (const auto& [name, schema] : members_of(fixed["schemas"])) schemas.add(name, schema);
    const auto all_paths = paths(endpoints, base["paths"], schemas);
    const std::vector<Section> sections{{"headers", members_of(fixed["headers"])},
                                        {"parameters", members_of(fixed["parameters"])},
                                        {"responses", shared_responses()},
                                        {"schemas", schemas.all()}};
    object({{"openapi", base["openapi"]},
            {"info", base["info"]},
            {"servers", base["servers"]},
            {"tags", tags(endpoints, base["tags"])},
            {"paths", all_paths},
            {"components", components(all_paths, sections, fixed["securitySchemes"])}})
        .print(out);
}
