// The tables of the documentation that are made from the code.
#pragma once

#include <iosfwd>

// docs/errors.md.
void print_errors(std::ostream& out);

// .env.example, and the same as a table.
void print_settings_env(std::ostream& out);
void print_settings_markdown(std::ostream& out);
