// `steelthread doctor`: reports what would prevent the service from running here, and the remedy.
#pragma once

#include <iosfwd>

// Checks the settings, what `run` requires (checks.hpp), the database, the limits and the key set.
// Prints one line for each: "ok", or "FAULT" with the reason. Writes no file. Returns true when
// there is no fault.
bool examine(std::ostream& out);
