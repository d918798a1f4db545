// The parts of nginx's configuration that follow from the handlers' declarations.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "shared/error.hpp"

// A declared path as clients see it, with ${API_PREFIX} in place of that setting.
std::string public_path(const std::string& path);

// The errors that nginx itself may answer to any request, before a handler has seen it.
std::vector<Error> errors_of_nginx();

// Prints nginx/routes.conf: a location for each path, and for each error that nginx answers.
void print_routes(std::ostream& out);

// Prints nginx/maps.conf: the allowed methods of each path, and an upstream for each endpoint.
void print_maps(std::ostream& out);

// Prints nginx/request_fields.conf: what nginx passes on of a request.
void print_request_fields(std::ostream& out);
