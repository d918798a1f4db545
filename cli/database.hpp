// The handlers' database, for commands.
#pragma once

#include <functional>

#include "shared/config/config.hpp"
#include "shared/db/database.hpp"

// True when the database is a SQLite file that does not exist.
bool lacks_sqlite_file(const Config& config);

// Throws std::runtime_error when lacks_sqlite_file().
void require_sqlite_file(const Config& config);

// Opens the database, runs the work to its end, and closes the database. Throws what the work
// throws and what require_sqlite_file() throws.
void with_database(const Config& config, const std::function<Async<>(Database&)>& work);
