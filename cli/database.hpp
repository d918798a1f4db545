// The handlers' database, for commands.
#pragma once

#include <functional>

#include "shared/config/config.hpp"
#include "shared/db/database.hpp"

// True when the database is a SQLite file that does not exist.
bool lacks_sqlite_file(const Config& config);

// Whether the database is a SQLite file at a path in RUN_DIR.
bool is_in_run_dir(const Config& config);

// Returns what is wrong if the SQLite file would be in a folder that does not exist. RUN_DIR and
// the folders in it are made when they are needed; others may be misspelt. Otherwise empty.
std::string fault_of_sqlite_folder(const Config& config);

// If lacks_sqlite_file(): claims RUN_DIR and makes the folder of the file, if that is in it. Throws
// ConfigError for a folder elsewhere that does not exist.
void make_sqlite_place(const Config& config);

// Throws std::runtime_error when lacks_sqlite_file().
void require_sqlite_file(const Config& config);

// Opens the database, runs the work to its end, and closes the database. If the work writes and
// RUN_DIR has a feed mark, first does what notice_older_file() does. Throws what the work throws,
// what require_sqlite_file() throws, and DbError.
void with_database(const Config& config, const std::function<Async<>(Database&)>& work);

// Begins a new history of the feed if somebody has put an older SQLite file in place
// (shared/events/feed_mark.hpp). Must come before anything is written: with as many new events the
// file no longer looks older. Throws DbError.
void notice_older_file(const Config& config);
