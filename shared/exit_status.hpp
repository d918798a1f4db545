// Exit statuses of programs besides EXIT_SUCCESS and EXIT_FAILURE (sysexits.h).
#pragma once

inline constexpr int exit_usage = 64;   // an unknown command or option
inline constexpr int exit_config = 78;  // invalid settings
