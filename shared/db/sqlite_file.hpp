// Whether the file of a SQLite database can be trusted.
#pragma once

#include <string>

// The fault of the file, of its directory, or of a file that SQLite keeps next to it (-wal, -shm,
// -journal): another user could replace it (shared/trusted_path.hpp), add a file next to it, owns
// it or may write to it, or it is not a regular file. Links are followed. Empty if there is no
// fault, also for a missing file and for ":memory:".
std::string fault_of_sqlite_file(const std::string& path);
