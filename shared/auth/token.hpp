// Bearer tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256.
//
// Verification is split: verify_jws() proves the signature and nothing else, so that published JWS
// vectors can be run against it; Tokens adds the rules for claims.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "shared/http/request.hpp"

struct Config;

// A token that proves nothing. The message is for the log.
class TokenError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// The payload of a compact JWS (RFC 7515) whose HS256 signature the key made. The key decides the
// algorithm; the header must agree. Throws TokenError for everything else: other algorithms, `crit`,
// `b64`, `zip`, `jwk`, `jku`, `x5u`, a `typ` other than JWT, duplicate members, more than 8 KiB,
// padding, white space and non-canonical base64url.
std::string verify_jws(std::string_view key, std::string_view token);

class Tokens {
public:
    // Seconds since 1970; tests bring their own.
    using Clock = std::function<std::int64_t()>;

    explicit Tokens(const Config& config);
    Tokens(const Config& config, Clock clock);

    // A token for a user, valid for JWT_EXPIRE_MINUTES.
    std::string issue(const Identity& user) const;

    std::int64_t lifetime_seconds() const { return lifetime_seconds_; }

    // Who a token speaks for: the first non-empty string among `sub`, `userId` and `id`. Throws
    // TokenError.
    Identity verify(std::string_view token) const;

private:
    std::vector<std::string> keys_;  // the first one signs
    std::int64_t lifetime_seconds_;
    Clock clock_;
};
