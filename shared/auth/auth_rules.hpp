// Who may call an operation.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

enum class Auth { none, user, owner, key, user_or_key, reader, board };

// What an operation accepts as proof of its caller, and what follows from it. Authentication, the
// errors of an answer, the documentation and the list of endpoints all read this table.
struct AuthRule {
    std::string_view name;         // in --describe
    std::string_view label;        // in the list of endpoints
    bool takes_token = false;      // a bearer token
    bool takes_key = false;        // an API key
    bool takes_ticket = false;     // a ticket in the query; other proof is then ignored
    bool needs_proof = false;      // requests without proof are refused
    bool guards_board = false;     // so are they if BOARD_PUBLIC is off
    bool owns_path = false;        // {user_id} in the path must be the token's user
    bool counts_requests = false;  // each request counts towards the key's RATE_LIMIT
    bool makes_user = false;       // a write needs the caller's row in `users`
};

// One row for each value of Auth, in its order.
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
             .takes_ticket = true,
             .guards_board = true},
    // As long as the board is public, a token is ignored, whether or not it is valid.
    AuthRule{.name = "board",
             .label = "anyone; with `BOARD_PUBLIC=off` a token",
             .takes_token = true,
             .guards_board = true},
};

// The row with this name, which must exist.
constexpr const AuthRule& rule_named(std::string_view name) {
    return *std::find_if(auth_rules.begin(), auth_rules.end(),
                         [&](const auto& rule) { return rule.name == name; });
}

constexpr const AuthRule& rule_of(Auth auth) { return auth_rules[static_cast<std::size_t>(auth)]; }

// The rule as BOARD_PUBLIC makes it.
constexpr AuthRule rule_in_force(Auth auth, bool is_board_public) {
    if (auth == Auth::board && is_board_public) return rule_of(Auth::none);
    AuthRule rule = rule_of(auth);
    if (rule.guards_board && !is_board_public) rule.needs_proof = true;
    return rule;
}
