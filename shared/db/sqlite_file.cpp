#include "shared/db/sqlite_file.hpp"

#include "shared/trusted_path.hpp"

namespace {

namespace fs = std::filesystem;

std::string fault_of_one(const std::string& file) {
    const auto status = status_of(file);
    if (!status) return {};
    if (!S_ISREG(status->st_mode)) return file + " is not a regular file";
    if (!is_trusted_owner(status->st_uid))
        return file + " belongs to user " + std::to_string(status->st_uid) +
               ": give it to the user of this process, or name another file";
    if (is_open_to_strangers(*status))
        return file + " may be written to by others: `chmod go-w` it if you trust its content";
    return {};
}

// SQLite uses any matching file next to the database; in /tmp anybody may create one.
std::string fault_of_folder_of(const fs::path& file) {
    const auto folder = file.parent_path();
    const auto status = status_of(folder);
    const bool is_open = status && is_open_to_strangers(*status);
    const bool is_volume =
        is_open && !(status->st_mode & S_ISVTX) && is_root_of_volume(folder, *status);
    if (!is_open || is_volume) return {};
    return file.string() + " is in a directory that others may write to: put it in one of its own";
}

}  // namespace

std::string fault_of_sqlite_file(const std::string& path) {
    if (path == ":memory:") return {};
    try {
        const auto found = look_at_path(path);
        if (!found.fault.empty()) return path + " " + found.fault;
        if (auto fault = fault_of_folder_of(found.resolved); !fault.empty()) return fault;
        for (const char* suffix : {"", "-wal", "-shm", "-journal"})
            if (auto fault = fault_of_one(found.resolved.string() + suffix); !fault.empty())
                return fault;
    } catch (const fs::filesystem_error& error) {
        return path + ": " + error.code().message();
    }
    return {};
}
