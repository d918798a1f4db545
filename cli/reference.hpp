// The tables of the documentation that are generated from the code.
#pragma once

#include <iosfwd>

// docs/errors.md.
void print_errors(std::ostream& out);

// .env.example, and the table of docs/configuration.md.
void print_settings_env(std::ostream& out);
void print_settings_markdown(std::ostream& out);

// The tables of docs/endpoints.md.
void print_endpoints_markdown(std::ostream& out);
