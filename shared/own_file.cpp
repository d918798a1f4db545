#include "shared/own_file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>

bool is_own_file(const struct stat& status) {
    return S_ISREG(status.st_mode) && status.st_uid == geteuid();
}

bool is_own_file(int fd) {
    struct stat status {};
    return fstat(fd, &status) == 0 && is_own_file(status);
}

std::error_code create_file(const std::string& path,
                            const std::function<std::error_code(int fd)>& fill) {
    std::string temporary = path + ".XXXXXX";
    const int fd = mkostemp(temporary.data(), O_CLOEXEC);
    if (fd < 0) return last_error();
    auto error = fill(fd);
    close(fd);
    if (!error && link(temporary.c_str(), path.c_str()) != 0 && errno != EEXIST)
        error = last_error();
    unlink(temporary.c_str());
    return error;
}

std::error_code last_error() { return {errno, std::generic_category()}; }
