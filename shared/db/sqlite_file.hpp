// Whether the file of a SQLite database may be believed.
#pragma once

#include <string>

// What is wrong with it, with its directory or with a file that SQLite keeps beside it (-wal, -shm,
// -journal): somebody else could replace it (shared/trusted_path.hpp) or leave something beside it,
// owns it or may write to it, or it is not a regular file. Links are followed. Empty when nothing
// is wrong, also where it does not exist, and for ":memory:".
std::string fault_of_sqlite_file(const std::string& path);
