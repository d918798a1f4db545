// How long a password may be, in bytes.
#pragma once

#include <cstddef>

inline constexpr std::size_t min_password_bytes = 8;
// bcrypt ignores whatever comes after its first 72 bytes.
inline constexpr std::size_t max_password_bytes = 72;
