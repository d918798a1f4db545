// nginx/openapi.json: the OpenAPI document that is served at /openapi.json.
#pragma once

#include <iosfwd>

void print_openapi(std::ostream& out);
