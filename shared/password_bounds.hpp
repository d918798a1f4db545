// The bounds of a password's length, in bytes.
#pragma once

#include <cstddef>

inline constexpr std::size_t min_password_bytes = 8;
// bcrypt ignores everything after the first 72 bytes.
inline constexpr std::size_t max_password_bytes = 72;
