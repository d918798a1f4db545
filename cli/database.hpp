// The handlers' database, for commands.
#pragma once

#include <functional>

#include "shared/config/config.hpp"
#include "shared/db/database.hpp"

// Whether the database is a SQLite file that does not exist.
bool lacks_sqlite_file(const Config& config);

// Throws std::runtime_error where it is.
void require_sqlite_file(const Config& config);

// Opens the database, runs the work to its end, and closes it again. Throws what the work throws,
// and as require_sqlite_file() does.
void with_database(const Config& config, const std::function<Async<>(Database&)>& work);
