// Asking before something is destroyed.
#pragma once

#include <string>

// Returns if `is_given`, or if somebody at the terminal answers yes. `effect` says what would
// happen: "undoing 0012_accounts drops users". Without a terminal nobody is asked. Throws
// std::runtime_error otherwise, with `command`, which gives the consent, in the message.
void require_consent(const std::string& effect, bool is_given, const std::string& command);
