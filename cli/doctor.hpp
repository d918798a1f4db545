// `steelthread doctor`: what would keep the service from running here, and what to do about it.
#pragma once

#include <iosfwd>

// Looks at the settings, the programs, RUN_DIR, the port, the limits, the database and its
// migrations, and the key set, a line each: "ok" or "FAULT" with what is wrong. True without a
// fault.
bool examine(std::ostream& out);
