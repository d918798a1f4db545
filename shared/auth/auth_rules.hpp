// Who may call an operation.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

enum class Auth { none, user, owner, key, user_or_key, reader };

// What an operation takes as proof of its caller, and what follows from that. Authentication, the
// errors of an answer, its documentation and the list of endpoints all read this table.
struct AuthRule {
    std::string_view name;         // in --describe
    std::string_view label;        // in the list of endpoints
    bool takes_token = false;      // a bearer token
    bool takes_key = false;        // an API key
    bool takes_ticket = false;     // a ticket in the query; it then counts alone
    bool needs_proof = false;      // a request without any of these is refused
    bool owns_path = false;        // the {user_id} of the path must be the token's
    bool counts_requests = false;  // RATE_LIMIT counts each request of the key
    bool makes_user = false;       // a write needs the caller's row of `users`
};

// In the order of Auth.
inline constexpr std::array auth_rules = {
    AuthRule{.name = "none", .label = "anyone"},
    AuthRule{.name = "user",
             .label = "token",
             .takes_token = true,
             .needs_proof = true,
             .makes_user = true},
    AuthRule{.name = "owner",
             .label = "that user's token",
             .takes_token = true,
             .needs_proof = true,
             .owns_path = true,
             .makes_user = true},
    AuthRule{.name = "key",
             .label = "API key",
             .takes_key = true,
             .needs_proof = true,
             .counts_requests = true},
    AuthRule{.name = "user_or_key",
             .label = "token or API key",
             .takes_token = true,
             .takes_key = true,
             .needs_proof = true},
    AuthRule{.name = "reader",
             .label = "anyone; more with a token, API key or ticket",
             .takes_token = true,
             .takes_key = true,
             .takes_ticket = true},
};

// The row with this name, which is one of theirs.
constexpr const AuthRule& rule_named(std::string_view name) {
    return *std::find_if(auth_rules.begin(), auth_rules.end(),
                         [&](const auto& rule) { return rule.name == name; });
}

constexpr const AuthRule& rule_of(Auth auth) { return auth_rules[static_cast<std::size_t>(auth)]; }
