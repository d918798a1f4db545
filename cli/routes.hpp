// What nginx is told about the endpoints.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "shared/error.hpp"

// A declared path as clients see it, with the word that API_PREFIX replaces.
std::string public_path(const std::string& path);

// The errors with which nginx itself may answer any request, before a handler has seen it.
std::vector<Error> errors_of_nginx();

// nginx/routes.conf: a location for each path, and for each error that nginx answers.
void print_routes(std::ostream& out);

// nginx/maps.conf: the allowed methods of each path, and an upstream for each endpoint.
void print_maps(std::ostream& out);

// nginx/request_fields.conf: what nginx passes on of a request.
void print_request_fields(std::ostream& out);
