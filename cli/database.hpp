// The handlers' database, for commands.
#pragma once

#include <functional>

#include "shared/config.hpp"
#include "shared/db/database.hpp"

// Opens the database, runs the work to its end, and closes it again. Throws what the work throws,
// and std::runtime_error for a SQLite file that is not there.
void with_database(const Config& config, const std::function<Async<>(Database&)>& work);
