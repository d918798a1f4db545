// The two engines behind Database.
#pragma once

#include <memory>

#include "shared/db/database.hpp"

std::unique_ptr<Database> open_postgres(const Config& config, Loop& loop);
std::unique_ptr<Database> open_sqlite(const Config& config);
