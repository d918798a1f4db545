// Bearer tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256.
//
// Verification is split: verify_jws() proves the signature and nothing else, so that published JWS
// vectors can be run against it; Tokens adds the rules for claims.
#pragma once

#include <openssl/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "shared/http/request.hpp"

struct Config;

// A token that proves nothing. The message is for the log: it says which rule is broken and quotes
// nothing of the token.
class TokenError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

inline constexpr std::size_t max_token_bytes = 8192;

// The payload of a compact JWS (RFC 7515) whose HS256 signature the key made. The key decides the
// algorithm; the header must agree. Throws TokenError for everything else: other algorithms,
// `crit`, `b64`, `zip`, `jwk`, `jku`, `x5u`, `x5c`, a `typ` other than JWT in any case, duplicate
// members, more than 8 KiB, padding, white space, non-canonical base64url, and an empty key.
//
// Prepares the key each time; Tokens does that once.
std::string verify_jws(std::string_view key, std::string_view token);

// The claims of a token that are used. Without `iat` or `nbf` its moment is 1970.
struct TokenClaims {
    Identity user;
    std::int64_t expires_at = 0;
    std::int64_t issued_at = 0;
    std::int64_t valid_from = 0;
};

class Tokens {
public:
    // Seconds since 1970; tests bring their own.
    using Clock = std::function<std::int64_t()>;

    // Throws std::invalid_argument without a JWT_SECRET: everyone can sign with an empty key.
    explicit Tokens(const Config& config);
    Tokens(const Config& config, Clock clock);

    // A token for a user, valid for JWT_EXPIRE_MINUTES. Throws std::invalid_argument for a user id
    // or an e-mail address that verify() would refuse.
    std::string issue(const Identity& user) const;

    std::int64_t lifetime_seconds() const { return lifetime_seconds_; }

    // Who a token of this service speaks for: the first non-empty string among `sub`, `userId` and
    // `id`, 1 to 255 bytes without control characters, and `email` if there is one. `iss` and `aud`
    // must be this service, `exp` an integer that is not past, `nbf` and `iat` integers that are
    // not in the future; clocks may differ by 30 seconds. Throws TokenError.
    //
    // The signature and the times are checked on each call; the parsed claims of the last few
    // hundred tokens are remembered by their signature, which takes three quarters of the work
    // away. One thread at a time may verify, with all copies: they share one prepared state for
    // each key.
    Identity verify(std::string_view token) const;

private:
    using Key = std::shared_ptr<EVP_MAC_CTX>;

    // Before its first use it is of a token that expired in 1970.
    struct Known {
        std::array<unsigned char, 32> mac{};
        TokenClaims claims;
    };

    std::vector<std::string> secrets_;  // the first one signs, any of them verifies
    // Prepared when the first token comes: OpenSSL's set-up is a tenth of a handler's memory, and
    // many handlers never see a token.
    mutable std::vector<Key> keys_;
    std::int64_t lifetime_seconds_;
    Clock clock_;
    mutable std::vector<Known> known_;
};
