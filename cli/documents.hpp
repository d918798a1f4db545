// The files that are made from the code: what nginx routes, and what the documentation lists.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

// The handlers beside this executable, in alphabetical order.
std::vector<std::filesystem::path> handler_executables();

// nginx/routes.conf: a location for each endpoint, as its --describe says, and for each error.
void print_routes(std::ostream& out);

// nginx/maps.conf: an upstream and the allowed methods for each endpoint.
void print_maps(std::ostream& out);

// docs/errors.md.
void print_errors(std::ostream& out);

// .env.example, and the same as a table.
void print_settings_env(std::ostream& out);
void print_settings_markdown(std::ostream& out);
