// Backups of the database, made while the service runs, and what brings them back.
#pragma once

#include <iosfwd>
#include <string>

#include "shared/config/config.hpp"

// Writes a complete copy of DATABASE_URL, as it is at one moment, to a new file of mode 0600: a
// SQLite file, or an archive of pg_dump (--format=custom) with the tables of the current schema.
// Holds nobody up. The file gets its name when it is complete and has been checked. Prints its name
// and size. Throws std::runtime_error, also if the file exists.
void back_up(const Config& config, const std::string& file, std::ostream& out);

// Brings such a copy into DATABASE_URL, which must be a SQLite file that does not exist, or a
// PostgreSQL database without the service's tables. Then brings the schema up to this release, and
// begins a new history of the feed, so that readers start again. Prints what it has done. Throws
// std::runtime_error, also beside a running service.
void restore(const Config& config, const std::string& file, std::ostream& out);
