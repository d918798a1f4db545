#include "shared/db/database_files.hpp"

#include <fcntl.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "shared/db/database.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/number.hpp"

namespace {

constexpr const char* how_to_restore =
    ": move the same file back, and the service goes on. To restore a backup instead, stop the "
    "service, move the files that end in -wal and -shm aside, put the backup in place and start "
    "the service";

bool is_same_file(const struct stat& left, const struct stat& right) {
    return left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

// Returns the descriptor that SQLite uses for the file, or -1. The file is not opened again,
// because closing any descriptor of a file releases all locks that the process holds on it.
int descriptor_of(const struct stat& file) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd", ignored}) {
        const auto name = entry.path().filename().string();
        const int fd = parse_number<int>(name).value_or(-1);
        struct stat status {};
        if (fstat(fd, &status) == 0 && is_same_file(status, file)) return fd;
    }
    return -1;
}

// Each process that uses a database holds locks on it and on its -shm.
bool is_locked_by_others(const struct stat& file) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return fcntl(descriptor_of(file), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

DatabaseFiles::DatabaseFiles(sqlite3* connection, const std::string& path) {
    files_.push_back({path, {}});
    const bool is_there = stat(path.c_str(), &files_.front().status) == 0;
    int has_moved = 0;
    sqlite3_file_control(connection, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
    if (!is_there || has_moved != 0)
        throw DbError{sqlstate::connection_failure, path + " was moved while it was opened"};
    // SQLite puts both next to the file that a link points to. On some file systems it needs
    // neither.
    const std::string resolved = sqlite3_db_filename(connection, "main");
    for (const char* suffix : {"-wal", "-shm"}) {
        File file{resolved + suffix, {}};
        if (stat(file.path.c_str(), &file.status) == 0) files_.push_back(std::move(file));
    }
    if (is_locked_by_others(files_.back().status) && !is_locked_by_others(files_.front().status))
        throw DbError{sqlstate::connection_failure,
                      path + " has replaced a database that is still in use" + how_to_restore};
}

bool DatabaseFiles::File::is_in_place() const {
    struct stat now {};
    return stat(path.c_str(), &now) == 0 && is_same_file(now, status);
}

void DatabaseFiles::check() const {
    for (const auto& file : files_)
        if (!file.is_in_place())
            throw DbError{
                sqlstate::connection_failure,
                file.path + " was moved, removed or replaced while in use" + how_to_restore};
}

bool DatabaseFiles::has_database() const { return files_.empty() || files_.front().is_in_place(); }

bool DatabaseFiles::has_own_wal() const {
    return std::all_of(files_.begin() + (files_.empty() ? 0 : 1), files_.end(),
                       [](const auto& file) { return file.is_in_place(); });
}

bool DatabaseFiles::is_deleted() const {
    struct stat now {};
    return !files_.empty() && fstat(descriptor_of(files_.front().status), &now) == 0 &&
           now.st_nlink == 0;
}

std::string DatabaseFiles::put_wal_aside() const {
    for (const auto& file : files_) {
        auto lost = file.path + ".lost";
        if (file.path.ends_with("-wal") && rename(file.path.c_str(), lost.c_str()) == 0)
            return lost;
    }
    return {};
}
