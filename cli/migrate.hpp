// The schema of DATABASE_URL, from the migrations that are embedded in this executable.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "shared/config/config.hpp"

// Applies what is pending, each migration in a transaction of its own and under a lock; takes over
// the events of a dump that came from another PostgreSQL; and makes the account of DEV_USER_EMAIL
// if there is none. Where nothing is pending it needs no right to change the schema. Waits up to
// 5 s for the database. Says what it did, a line each. Throws std::runtime_error.
void migrate_up(const Config& config, std::ostream& out);

// Undoes the newest migration.
void migrate_down(const Config& config, std::ostream& out);

// Lists all migrations with the moment they were applied, or "pending". Changes nothing.
void migrate_status(const Config& config, std::ostream& out);

struct Schema {
    std::vector<std::string> pending;  // what `migrate up` would do: names of migrations, or words
    std::vector<std::string> newer;    // applied, and unknown to this release
};

// Changes nothing, and makes no file: one that is not there has no schema. Waits
// up to DB_CONNECT_TIMEOUT_MS for each address to connect, and DB_DEADLINE_MS for each answer.
// Throws std::runtime_error.
Schema look_at_schema(const Config& config);

// The database for people: its engine and where it is, without user and password.
std::string database_name(const Config& config);
