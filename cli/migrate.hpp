// The schema of DATABASE_URL, from the migrations and functions that are embedded in this
// executable.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "shared/config/config.hpp"

// Applies the pending migrations and creates the functions, views and triggers of this release
// (shared/db/migrator.hpp); takes over the events of a dump from another PostgreSQL; and creates
// the account of DEV_USER_EMAIL if there is none. When the schema is up to date, the role needs no
// right to change it. Waits up to 5 s for the database, 30 s for another runner, and 60 s for
// locks. Prints a line for each change, and returns whether there was one. Throws
// std::runtime_error.
bool migrate_up(const Config& config, std::ostream& out);

// How `migrate down` may go on.
struct Consent {
    bool is_given = false;   // without a question
    bool is_forced = false;  // in production, too
};

// Undoes the newest migration. Without consent it asks on a terminal, and names what would be
// dropped. Throws std::runtime_error beside a running service, if nobody can be asked, if the
// answer is not yes, and in production unless it is forced.
void migrate_down(const Config& config, Consent consent, std::ostream& out);

// Lists all migrations with the time at which they were applied, or "pending", and whether the
// functions are up to date. Changes nothing.
void migrate_status(const Config& config, std::ostream& out);

struct Schema {
    std::vector<std::string> pending;  // what `migrate up` would do: names of migrations, or words
    std::vector<std::string> newer;    // applied, and unknown to this release
    std::string oldest_release;        // that works with `newer`; empty if that is unknown
    bool may_change = true;            // false if the role of DATABASE_URL may not create tables
};

// Reads the state of the schema. Changes nothing and creates no file: a missing SQLite file has no
// schema. Waits up to DB_CONNECT_TIMEOUT_MS for a connection to each address, and up to
// DB_DEADLINE_MS for each answer. Throws std::runtime_error.
Schema look_at_schema(const Config& config);

// The name of the database in messages: its engine and place, without user and password.
std::string database_name(const Config& config);
