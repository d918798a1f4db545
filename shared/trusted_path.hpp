// Whether what lies at a path can be believed: whether nobody but root, this user and the owner of
// this program could have put it there, or could put something else in its place.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>

// A path without links, or why it cannot be believed.
struct TrustedPath {
    std::filesystem::path resolved;  // absolute; its end need not exist
    std::string fault;               // empty for none: "could be replaced by user 5, who …"
};

// Follows the links of a path, each of which has to belong to root, to this user, or to an owner of
// this executable or of a folder above it, who could replace this program just as well. The same
// holds for each folder above the resolved path; others may not write to it unless it is sticky, as
// /tmp is, or the root of a mounted volume, which Kubernetes lets everybody in the container write
// to. Throws std::filesystem::filesystem_error for a path that no system call takes.
TrustedPath look_at_path(const std::filesystem::path& path);

// What lies there, links not followed; nullopt for nothing.
std::optional<struct stat> status_of(const std::filesystem::path& place);

// Whether anybody but its owner may write to it: others, or a group that is none of this process's.
bool is_open_to_strangers(const struct stat& status);

// Whether another file system begins there.
bool is_root_of_volume(const std::filesystem::path& folder, const struct stat& status);

bool is_trusted_owner(uid_t owner);
