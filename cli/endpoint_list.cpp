#include "cli/endpoint_list.hpp"

#include <rapidjson/document.h>

#include <ostream>
#include <utility>

#include "cli/handlers.hpp"
#include "cli/layout.hpp"
#include "cli/read_file.hpp"
#include "shared/json/fields.hpp"
#include "shared/json/reader.hpp"

void print_endpoint_list(std::ostream& out) {
    // A line for each endpoint.
    std::string_view separator = "[\n ";
    for (const auto& described : describe_handlers()) {
        std::string line;
        json::Writer writer{line};
        writer.begin_object();
        writer.key("hashes_passwords");
        writer.boolean(described["hashes_passwords"].IsTrue());
        writer.key("is_stream");
        writer.boolean(described["is_stream"].IsTrue());
        writer.key("name");
        writer.string(json::text_of(described["name"]));
        writer.key("settings");
        writer.raw(json::canonical(described["settings"]));
        writer.end_object();
        out << std::exchange(separator, ",\n ") << line;
    }
    out << "\n]\n";
}

std::vector<EndpointEntry> read_endpoint_list() {
    const auto document = json::parse(read_file(nginx_folder() / "endpoints.json"));
    std::vector<EndpointEntry> entries;
    for (const auto& entry : document.GetArray()) {
        SettingGroups settings;
        for (const auto& name : entry["settings"].GetArray())
            settings.insert(setting_group(json::text_of(name)));
        entries.push_back({.name = std::string{json::text_of(entry["name"])},
                           .hashes_passwords = entry["hashes_passwords"].IsTrue(),
                           .is_stream = entry["is_stream"].IsTrue(),
                           .settings = std::move(settings)});
    }
    return entries;
}

std::size_t worker_count(const Config& config, const EndpointEntry& endpoint) {
    // One hash must not block all other logins.
    return config.worker_count(endpoint.name, endpoint.hashes_passwords ? 2 : 1);
}
