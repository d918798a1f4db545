// The handlers' database, for commands.
#pragma once

#include <functional>

#include "shared/config.hpp"
#include "shared/db/database.hpp"

// Throws std::runtime_error for a SQLite file that does not exist.
void require_sqlite_file(const Config& config);

// Opens the database, runs the work to its end, and closes it again. Throws what the work throws,
// and as require_sqlite_file() does.
void with_database(const Config& config, const std::function<Async<>(Database&)>& work);
