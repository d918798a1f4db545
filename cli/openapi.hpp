// nginx/openapi.json: the OpenAPI document that is served at /openapi.json.
#pragma once

#include <iosfwd>
#include <string>

// Prints what the handlers declare and the error registry implies, added to the fixed parts of the
// document in the file `base` (cli/openapi.base.json). Throws std::runtime_error.
void print_openapi(const std::string& base, std::ostream& out);
