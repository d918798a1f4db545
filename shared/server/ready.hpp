// How a server reports that it is ready.
#pragma once

// The environment variable with the number of an inherited descriptor. The server writes a byte to
// that descriptor and closes it right before it accepts its first connection. Without the variable
// it reports nothing.
inline constexpr const char* ready_variable = "READY_FD";
