// nginx/endpoints.json: what the service has to know of an endpoint before it starts one of its
// processes. Made from the handlers' declarations, so that a start need not run every one of them.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "shared/config/config.hpp"

struct EndpointEntry {
    std::string name;
    bool hashes_passwords = false;
    bool is_stream = false;  // its answers go on until somebody ends them
};

void print_endpoint_list(std::ostream& out);

// The list that is installed beside this executable. Throws std::runtime_error where it cannot be
// read.
std::vector<EndpointEntry> read_endpoint_list();

// How many processes an endpoint gets: WORKERS_<ENDPOINT>, or as many as its work needs.
std::size_t worker_count(const Config& config, const EndpointEntry& endpoint);
