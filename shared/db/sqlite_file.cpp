#include "shared/db/sqlite_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace {

bool is_trusted(const struct stat& status) {
    return status.st_uid == geteuid() || status.st_uid == 0;
}

std::string fault_of_one(const std::string& file) {
    struct stat status {};
    const auto belongs = [&] {
        return file + " belongs to user " + std::to_string(status.st_uid) +
               ": give it to the user of this process, or name another file";
    };
    if (lstat(file.c_str(), &status) == 0 && S_ISLNK(status.st_mode) && !is_trusted(status))
        return belongs();
    if (stat(file.c_str(), &status) != 0)
        return errno == ENOENT ? "" : file + ": " + std::strerror(errno);
    if (!S_ISREG(status.st_mode)) return file + " is no file";
    if (!is_trusted(status)) return belongs();
    if (status.st_mode & S_IWOTH)
        return file +
               " may be written to by everybody: `chmod o-w` it if all of it is to be "
               "believed";
    return {};
}

}  // namespace

std::string fault_of_sqlite_file(const std::string& path) {
    if (path == ":memory:") return {};
    for (const char* suffix : {"", "-wal", "-shm", "-journal"})
        if (auto fault = fault_of_one(path + suffix); !fault.empty()) return fault;
    return {};
}
