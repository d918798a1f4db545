#include "shared/db/database.hpp"

#include "shared/config/config.hpp"
#include "shared/db/engines.hpp"

std::unique_ptr<Database> open_database(const Config& config, Loop& loop) {
    if (const auto path = config.sqlite_path()) return open_sqlite(config, loop, *path);
    return open_postgres(config, loop);
}
