#include "shared/run_dir.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "shared/config_error.hpp"
#include "shared/own_file.hpp"
#include "shared/trusted_path.hpp"

namespace {

using std::filesystem::path;

constexpr std::string_view run_dir_mark = ".steelthread";
constexpr std::string_view mark_text = "This folder is the RUN_DIR of a steelthread.\n";

// Files that identify the folder of a release without the mark.
constexpr std::string_view older_marks[] = {"supervisor.pid", "jwt_secret", "steelthread.db"};

[[noreturn]] void refuse_run_dir(const path& folder, const std::string& why) {
    throw ConfigError("RUN_DIR " + folder.string() + " " + why);
}

[[noreturn]] void refuse_with_errno(const path& folder, const std::string& what) {
    refuse_run_dir(folder, what + ": " + std::strerror(errno));
}

// Returns the folder's path without links. Throws if another user could replace the folder.
path trusted(const std::string& run_dir) {
    TrustedPath found;
    try {
        found = look_at_path(run_dir);
    } catch (const std::filesystem::filesystem_error& error) {
        throw ConfigError("RUN_DIR: " + run_dir + ": " + error.code().message());
    }
    if (!found.fault.empty()) refuse_run_dir(found.resolved, found.fault);
    return found.resolved;
}

void check_can_be_made(const path& folder) {
    auto above = folder.parent_path();
    while (!status_of(above)) above = above.parent_path();
    if (access(above.c_str(), W_OK | X_OK) != 0)
        refuse_run_dir(folder, "cannot be made: " + above.string() + " is not writable");
}

bool is_empty_folder(const path& folder) {
    std::error_code error;
    const bool is_empty = std::filesystem::is_empty(folder, error);
    if (error) refuse_run_dir(folder, "cannot be read: " + error.message());
    return is_empty;
}

bool is_marked(const path& folder) {
    const auto is_mark = [&](std::string_view name) {
        const auto status = status_of(folder / name);
        return status && is_own_file(*status);
    };
    return is_mark(run_dir_mark) ||
           std::any_of(std::begin(older_marks), std::end(older_marks), is_mark);
}

[[noreturn]] void refuse_foreign(const path& folder, uid_t owner, const std::string& inside) {
    const auto belongs = "belongs to user " + std::to_string(owner) + ": ";
    if (owner != 0) refuse_run_dir(folder, belongs + "choose another place for it");
    if (access(folder.c_str(), W_OK | X_OK) == 0) refuse_run_dir(folder, belongs + inside);
    refuse_run_dir(folder, belongs + "give it to user " + std::to_string(geteuid()) +
                               ", or choose another place for it");
}

// Returns whether the folder exists. Throws if it must not be used.
bool check_run_dir(const path& folder) {
    const auto status = status_of(folder);
    if (!status) {
        check_can_be_made(folder);
        return false;
    }
    const std::string inside =
        "set RUN_DIR to a new folder inside it, for example " + (folder / "steelthread").string();
    if (!S_ISDIR(status->st_mode)) refuse_run_dir(folder, "is not a directory");
    if (status->st_uid != geteuid()) refuse_foreign(folder, status->st_uid, inside);
    if (status->st_mode & S_ISVTX) refuse_run_dir(folder, "is shared with others: " + inside);
    if (access(folder.c_str(), W_OK | X_OK) != 0) refuse_run_dir(folder, "is not writable");
    // The order matters: the mark is the first file that a process creates in an empty folder.
    if (is_empty_folder(folder)) return true;
    if (!is_marked(folder))
        refuse_run_dir(folder, "is not empty and is not the folder of a steelthread: " + inside);
    if (status->st_mode & (S_IWGRP | S_IWOTH))
        refuse_run_dir(folder,
                       "may be written to by others: `chmod 700` it if everything in it "
                       "belongs to this service");
    return true;
}

void make_folders(const path& folder) {
    if (status_of(folder)) return;
    make_folders(folder.parent_path());
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        refuse_with_errno(folder, "cannot be made");
}

void leave_mark(const path& folder) {
    const auto mark = folder / run_dir_mark;
    const int fd = open(mark.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) return;
    const bool is_written = fd >= 0 && write(fd, mark_text.data(), mark_text.size()) ==
                                           static_cast<ssize_t>(mark_text.size());
    const int reason = errno;
    if (fd >= 0) close(fd);
    errno = reason;
    if (!is_written) refuse_with_errno(folder, "cannot be written to");
}

}  // namespace

std::string claim_run_dir(const std::string& run_dir) {
    const auto folder = trusted(run_dir);
    if (!check_run_dir(folder)) {
        make_folders(folder);
        check_run_dir(folder);  // another process may have been faster
    }
    if (is_empty_folder(folder)) {
        if (chmod(folder.c_str(), 0700) != 0) refuse_with_errno(folder, "cannot be made private");
        check_run_dir(folder);  // others may have added files before
    }
    leave_mark(folder);
    return folder.string();
}

std::string look_at_run_dir(const std::string& run_dir) {
    const auto folder = trusted(run_dir);
    return folder.string() + (check_run_dir(folder) ? " is there" : " can be made");
}

std::string resolve_run_dir(const std::string& run_dir) { return trusted(run_dir).string(); }
