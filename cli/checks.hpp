// What has to be right before the service starts. `run` insists on it, and `doctor` reports it, by
// the same functions.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

#include "shared/config/config.hpp"

struct Check {
    const char* name;
    // What it found. Throws what is wrong. Writes nothing.
    std::string (*look)(const Config&);
};

// In the order in which they are made.
std::span<const Check> start_checks();

// The database has the schema of this release. Throws ConfigError where it has not, and
// std::runtime_error where the database cannot be asked. Writes nothing.
std::string check_schema(const Config& config);

// All of start_checks(), and that no other service runs in RUN_DIR; and unless the schema is about
// to be brought up, check_schema(): a server that cannot be asked is a warning in the log, and so
// is a schema that is newer. A SQLite file that cannot be read is refused in any case. Throws what
// is wrong.
void check_start(const Config& config, bool migrates);

// migrate_up(), with that same warning of a newer schema.
void bring_schema_up(const Config& config, std::ostream& out);
