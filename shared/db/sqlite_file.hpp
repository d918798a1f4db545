// Whether the file of a SQLite database may be believed.
#pragma once

#include <string>

// What is wrong with it or with a file that SQLite keeps beside it (-wal, -shm, -journal): it is no
// regular file, belongs to neither this user nor root, may be written to by everybody, or is a
// symbolic link of somebody else. Empty when nothing is, also where it is not there, and for
// ":memory:".
std::string fault_of_sqlite_file(const std::string& path);
