// `steelthread doctor`: what would keep the service from running here, and what to do about it.
#pragma once

#include <iosfwd>

// Looks at the settings, at all that `run` insists on (checks.hpp), the database, the limits and
// the key set, a line each: "ok" or "FAULT" with what is wrong. Writes nothing. True without a
// fault.
bool examine(std::ostream& out);
