// SQL literals for the SQL of tests.
#pragma once

#include <string>

#include "tests/support/service.hpp"

bool is_sqlite(Service& service);

// Returns 'text' with every quotation mark doubled.
std::string quoted(const std::string& text);

// Returns a moment as the service's engine stores it.
std::string literal(Service& service, const Timestamp& moment);
