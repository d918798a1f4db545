// nginx/endpoints.json: what the service must know about an endpoint before it starts one of its
// processes. It is generated from the handlers' declarations, so that a start need not run them
// all.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "shared/config/config.hpp"
#include "shared/config/setting_group.hpp"

struct EndpointEntry {
    std::string name;
    bool hashes_passwords = false;
    bool is_stream = false;  // its answers do not end by themselves
    SettingGroups settings;  // the ones that its processes get
};

void print_endpoint_list(std::ostream& out);

// Reads the list that is installed beside this executable. Throws std::runtime_error.
std::vector<EndpointEntry> read_endpoint_list();

// The number of processes of an endpoint: WORKERS_<ENDPOINT>, or its default.
std::size_t worker_count(const Config& config, const EndpointEntry& endpoint);
