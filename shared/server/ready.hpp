// How a server says that it is ready.
#pragma once

// The variable that names an inherited descriptor, by its number. The server writes a byte to it
// and closes it right before it accepts its first connection. Where the variable is missing, nobody
// asks.
inline constexpr const char* ready_variable = "READY_FD";
