// The migrations of both engines, embedded from sql/migrations at build time.
#pragma once

#include <algorithm>
#include <string_view>

struct MigrationFile {
    std::string_view engine;  // "postgres" or "sqlite"
    std::string_view name;    // "0001_users.up"
    const char* sql;
};

inline constexpr MigrationFile migration_files[] = {
#include "migrations.inc"
};

// "0001_users"
consteval std::string_view newest_migration(std::string_view engine) {
    std::string_view newest;
    for (const auto& file : migration_files)
        if (file.engine == engine && file.name.ends_with(".up"))
            newest = std::max(newest, file.name);
    newest.remove_suffix(std::string_view{".up"}.size());
    return newest;
}
