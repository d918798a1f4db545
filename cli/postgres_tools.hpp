// pg_dump and pg_restore, which Debian's postgresql-client installs.
#pragma once

#include <string>

#include "shared/config/database_url.hpp"

// Each function throws std::runtime_error if the program is missing or fails; what the program says
// goes to stderr. The programs get the parts of the URL in their environment, because anyone can
// see the words of a command.

// Writes the schema with all rows, as they are at one moment, to an archive: without owners and
// privileges, which another server does not have.
void dump_schema(const DatabaseUrl& url, const std::string& schema, const std::string& file);

// Checks that pg_restore can read the archive to its end, and that it has this service's tables in
// the schema.
void check_archive(const std::string& file, const std::string& schema);

// Brings the schema's tables into a database without them, in one transaction.
void restore_schema(const DatabaseUrl& url, const std::string& schema, const std::string& file);
