// Values as they stand in SQL that tests write.
#pragma once

#include <string>

#include "tests/support/service.hpp"

bool is_sqlite(Service& service);

// 'text', with every quotation mark doubled.
std::string quoted(const std::string& text);

// A moment as the service's engine keeps it.
std::string literal(Service& service, const Timestamp& moment);
