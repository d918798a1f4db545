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

Json tags(const Documents& endpoints) {
    std::set<std::string> names{"service"};
    for (const auto& endpoint : endpoints) names.insert(text_at(endpoint, "tag"));
    std::vector<Json> all;
    all.reserve(names.size());
    for (const auto& name : names) all.push_back(object({{"name", name}}));
    return array(all);
}

// The path of each endpoint, the other paths at which nginx offers one, and nginx's own.
Json paths(const Documents& endpoints, const rapidjson::Value& own, Schemas& schemas) {
    Members all;
    for (const auto& endpoint : endpoints) {
        const auto path = public_path(text_at(endpoint, "path"));
        all.emplace_back(path, path_item(endpoint, path, 1, schemas));
    }
    for (const auto& endpoint : endpoints) {
        int mount = 1;
        for (const auto& also_at : endpoint["also_at"].GetArray()) {
            const std::string path{json::text_of(also_at)};
            all.emplace_back(path, path_item(endpoint, path, ++mount, schemas));
        }
    }
    for (auto& [path, item] : members_of(own)) all.emplace_back(path, item);
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
    object({{"openapi", base["openapi"]},
            {"info", base["info"]},
            {"servers", base["servers"]},
            {"tags", tags(endpoints)},
            {"paths", all_paths},
            {"components", object({{"headers", fixed["headers"]},
                                   {"parameters", fixed["parameters"]},
                                   {"responses", object(shared_responses())},
                                   {"schemas", schemas.all()},
                                   {"securitySchemes", fixed["securitySchemes"]}})}})
        .print(out);
}
