#include "shared/trusted_path.hpp"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <set>
#include <system_error>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr int most_links = 40;  // as in Linux

// Root, this user, and the owners of this executable and of the folders above it.
const std::set<uid_t>& trusted_owners() {
    static const auto found = [] {
        std::set<uid_t> owners{0, geteuid()};
        std::error_code error;
        auto place = fs::read_symlink("/proc/self/exe", error);
        for (; place.has_relative_path(); place = place.parent_path())
            if (const auto status = status_of(place)) owners.insert(status->st_uid);
        return owners;
    }();
    return found;
}

bool is_own_group(gid_t group) {
    static const auto groups = [] {
        std::vector<gid_t> all(static_cast<std::size_t>(std::max(getgroups(0, nullptr), 0)));
        all.resize(static_cast<std::size_t>(
            std::max(getgroups(static_cast<int>(all.size()), all.data()), 0)));
        all.push_back(getegid());
        return all;
    }();
    return std::find(groups.begin(), groups.end(), group) != groups.end();
}

std::string by_user(uid_t owner) { return "could be replaced by user " + std::to_string(owner); }

std::string fault_of_folder(const fs::path& folder) {
    const auto status = status_of(folder);
    if (!status) return {};
    if (!S_ISDIR(status->st_mode))
        return "cannot be made: " + folder.string() + " is not a directory";
    if (!is_trusted_owner(status->st_uid))
        return by_user(status->st_uid) + ", who owns " + folder.string() +
               ": choose another place for it";
    const bool is_open = is_open_to_strangers(*status) && !(status->st_mode & S_ISVTX);
    if (is_open && !is_root_of_volume(folder, *status))
        return "could be replaced by others, who may write to " + folder.string() +
               ": `chmod go-w` that, or choose another place";
    return {};
}

}  // namespace

std::optional<struct stat> status_of(const fs::path& place) {
    struct stat status {};
    if (lstat(place.c_str(), &status) == 0) return status;
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw fs::filesystem_error{"cannot be looked at", place,
                               std::error_code{errno, std::generic_category()}};
}

bool is_trusted_owner(uid_t owner) { return trusted_owners().contains(owner); }

bool is_open_to_strangers(const struct stat& status) {
    return status.st_mode & S_IWOTH || (status.st_mode & S_IWGRP && !is_own_group(status.st_gid));
}

bool is_root_of_volume(const fs::path& folder, const struct stat& status) {
    const auto above = status_of(folder.parent_path());
    return !folder.has_relative_path() || (above && above->st_dev != status.st_dev);
}

TrustedPath look_at_path(const fs::path& path) {
    const auto absolute = fs::absolute(path);
    std::deque<fs::path> ahead{absolute.begin(), absolute.end()};
    TrustedPath found;
    for (int links = 0; !ahead.empty();) {
        const auto part = ahead.front();
        ahead.pop_front();
        if (part.empty() || part == ".") continue;
        if (part == "..") {
            found.resolved = found.resolved.parent_path();
            continue;
        }
        const auto next = found.resolved / part;
        const auto status = status_of(next);
        if (!status || !S_ISLNK(status->st_mode)) {
            found.resolved = next;
            continue;
        }
        if (found.fault.empty() && !is_trusted_owner(status->st_uid))
            found.fault = by_user(status->st_uid) + ", who owns the link " + next.string() +
                          ": choose another place for it";
        if (++links > most_links)
            throw fs::filesystem_error{
                "too many links", path,
                std::make_error_code(std::errc::too_many_symbolic_link_levels)};
        const auto target = fs::read_symlink(next);
        ahead.insert(ahead.begin(), target.begin(), target.end());
        if (target.is_absolute()) found.resolved.clear();
    }
    for (auto above = found.resolved; found.fault.empty() && above.has_relative_path();) {
        above = above.parent_path();
        found.fault = fault_of_folder(above);
    }
    return found;
}
