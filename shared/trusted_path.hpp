// Whether a path can be trusted: only root, this user and the owner of this program can have
// created its content, or can replace it.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>

// A path without links, or the reason why it cannot be trusted.
struct TrustedPath {
    std::filesystem::path resolved;  // absolute; the last parts need not exist
    std::string fault;               // empty if trusted: "could be replaced by user 5, who …"
};

// Follows the links of a path. Each link must belong to root, to this user, or to an owner of this
// executable or of a folder above it, who could replace this program as well. The same applies to
// each folder above the resolved path; others must not be able to write to it unless it is sticky,
// like /tmp, or the root of a mounted volume, which Kubernetes makes writable for everybody in the
// container. Throws std::filesystem::filesystem_error for a path that no system call accepts.
TrustedPath look_at_path(const std::filesystem::path& path);

// The status of a path without following links; nullopt if nothing exists there.
std::optional<struct stat> status_of(const std::filesystem::path& place);

// Whether others than the owner may write to it: everybody, or a group that this process is not in.
bool is_open_to_strangers(const struct stat& status);

// Whether the folder is the root of a mounted file system.
bool is_root_of_volume(const std::filesystem::path& folder, const struct stat& status);

bool is_trusted_owner(uid_t owner);
