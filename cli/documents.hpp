// The files that are made from the code: what nginx routes, and what the documentation lists.
#pragma once

#include <rapidjson/document.h>

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "shared/error.hpp"

// The handlers beside this executable, in alphabetical order.
std::vector<std::filesystem::path> handler_executables();

// What --describe says of each of them. Throws std::runtime_error when two declare the same path.
std::vector<rapidjson::Document> describe_handlers();

// A handler's path as a client sees it, with the word that API_PREFIX replaces.
std::string public_path(std::string path);

// How nginx itself may answer any request, before a handler has seen it.
std::vector<Error> errors_of_nginx();

// nginx/routes.conf: a location for each endpoint, as its --describe says, and for each error.
void print_routes(std::ostream& out);

// nginx/maps.conf: an upstream and the allowed methods for each endpoint.
void print_maps(std::ostream& out);

// nginx/openapi.json: the OpenAPI document that is served at /openapi.json.
void print_openapi(std::ostream& out);

// docs/errors.md.
void print_errors(std::ostream& out);

// .env.example, and the same as a table.
void print_settings_env(std::ostream& out);
void print_settings_markdown(std::ostream& out);
