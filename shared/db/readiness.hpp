// What /healthz and /health ask the database.
#pragma once

#include "shared/db/database.hpp"

// Returns when a write could succeed: the database answers, has at least the schema of this release
// and is not read-only, nor its disk full as far as can be told without writing. Throws DbError
// otherwise. One round trip.
Async<> check_readiness(Database& database);
