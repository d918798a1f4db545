// `steelthread top`: what the running service does, second by second.
#pragma once

#include <iosfwd>

#include "shared/config/config.hpp"

// Measures for a second and writes the result, and with `is_once` returns; otherwise until a signal
// ends the process. If stdout is a terminal, each result replaces the one before. Throws
// std::runtime_error if no service is running in RUN_DIR.
void watch_service(const Config& config, bool is_once, std::ostream& out);
