// The check that /healthz and /health make of the database.
#pragma once

#include "shared/db/database.hpp"

// Returns if a write could succeed: the database answers, has at least the schema of this release,
// is not read-only, and has room on the disk as far as that is known without writing. Throws
// DbError otherwise. One round trip.
Async<> check_readiness(Database& database);
