// Files of this process's user in a folder where others may be able to leave something.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>
#include <system_error>

// Whether it is a regular file that this user owns.
bool is_own_file(const struct stat& status);

// The same for an open file.
bool is_own_file(int fd);

// Creates the file `path` with mode 0600. It is complete before it appears under its name; of
// several processes the first one wins, and an existing file stays as it is. `fill` writes the
// content and returns what went wrong, if anything did.
std::error_code create_file(const std::string& path,
                            const std::function<std::error_code(int fd)>& fill);

// The error that the last failed system call reported.
std::error_code last_error();
