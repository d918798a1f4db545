// The handlers that are installed beside this executable.
#pragma once

#include <rapidjson/document.h>

#include <filesystem>
#include <vector>

// Their executables in alphabetical order. Throws std::runtime_error when there are none.
std::vector<std::filesystem::path> handler_executables();

// What --describe prints for each of them (shared/endpoint.hpp). Throws std::runtime_error when two
// declare the same path.
std::vector<rapidjson::Document> describe_handlers();
