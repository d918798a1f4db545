// What must hold before the service starts: `run` refuses to start without it, and `doctor` reports
// it. Both use these functions.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

#include "shared/config/config.hpp"

struct Check {
    const char* name;
    // Returns what it found. Throws when something is wrong. Writes nothing.
    std::string (*look)(const Config&);
};

// In the order in which they must run.
std::span<const Check> start_checks();

// Checks that the database has the schema of this release, or a newer one that works with it.
// Throws ConfigError when it does not, and std::runtime_error when the schema cannot be read.
// Writes nothing.
std::string check_schema(const Config& config);

// Runs start_checks() and check_schema(), and checks that no other service runs in RUN_DIR. Logs a
// warning when the database server does not answer, when the disk of a SQLite file is full or
// fails, or when the schema is newer than this release; a schema that needs a later release is
// refused. With `migrates` the schema is not checked,
// as it is about to be brought up. Throws when anything is wrong, also when a SQLite file cannot be
// read for another reason.
void check_start(const Config& config, bool migrates);

// Calls migrate_up(), and warns of a newer schema or refuses it, as check_start() does.
void bring_schema_up(const Config& config);
