// Whom a limit counts.
#pragma once

#include <string>

#include "shared/http/request.hpp"

// "user:…" for a user, else "key:…" for an API key; empty if nothing was proved.
inline std::string caller_of(const Identity& identity) {
    if (!identity.user_id.empty()) return "user:" + identity.user_id;
    return identity.api_key.empty() ? "" : "key:" + identity.api_key;
}
