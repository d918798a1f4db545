// Bearer tokens: JSON Web Tokens (RFC 7519) of this service and of the issuers that the
// configuration names. jws.hpp proves the signature; this file adds the rules for claims.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/async.hpp"
#include "shared/auth/jws.hpp"
#include "shared/auth/key_set.hpp"
#include "shared/digest.hpp"
#include "shared/http/request.hpp"

struct Config;
struct jwt;

// The lifetime of a ticket, in seconds.
inline constexpr std::int64_t ticket_seconds = 60;

// The number of digits of a key's digest that logs and tickets contain.
inline constexpr std::size_t shown_key_digits = 8;

// The origin of a token: an issuer that has one of the keys. Each key belongs to one source only,
// which determines the claims that are required.
struct TokenSource {
    std::string issuer;     // empty: any value, or no claim
    std::string audience;   // empty: any value, or no claim
    std::string client_id;  // empty: any client; otherwise the value of `azp` or `client_id`
};

// The claims of a token that are used. Without `iat` or `nbf` that time is 1970.
struct TokenClaims {
    Identity user;
    std::int64_t issued_at = 0;
    std::int64_t valid_from = 0;
};

class Tokens {
public:
    // Returns seconds since 1970; tests provide their own clock.
    using Time = std::function<std::int64_t()>;

    // `keys` is the key set of open_key_set(), or null. Without any key, as in an endpoint that
    // takes no tokens, every token is refused.
    explicit Tokens(const Config& config, std::shared_ptr<KeySet> keys = nullptr);
    Tokens(const Config& config, std::shared_ptr<KeySet> keys, Time time);

    Tokens(const Tokens&) = delete;
    Tokens& operator=(const Tokens&) = delete;

    // Returns a token for a user, valid for JWT_EXPIRE_MINUTES. Throws std::invalid_argument for a
    // user id or an e-mail address that verify() would refuse, and std::logic_error without
    // JWT_SECRET.
    std::string issue(const Identity& user) const;

    // Returns a ticket that stands for the holder of a token or an API key, for clients that can
    // send neither: a browser's EventSource and WebSocket. It is valid for a minute, for the feed
    // of events only, and no longer than the token; a stream that it opens ends when the token
    // expires. It contains the first digits of the key's digest, as the log does.
    std::string issue_ticket(const Identity& bearer) const;

    // Returns the identity that a ticket stands for; the caller finds the key by its first digits,
    // if it is still accepted. Throws TokenError for everything else, including a token.
    Identity verify_ticket(std::string_view ticket) const;

    std::int64_t lifetime_seconds() const { return lifetime_seconds_; }

    // Returns the user that a token identifies. The key of the token determines its source:
    //   JWT_SECRET, JWT_SECRET_PREVIOUS  `iss` and `aud` must be this service
    //   BETTER_AUTH_SECRET               any `iss` and `aud`
    //   JWKS_URL, JWKS_FILE              JWKS_ISSUER, JWKS_AUDIENCE (unless it is "any") and
    //                                    JWKS_CLIENT_ID, each if it is set
    // The user id is the first non-empty string among `sub`, `userId` and `id`: 1 to 255 bytes
    // without control characters, and a UUID if USER_ID_FORMAT requires it. An `email` is optional.
    // That of another issuer is ignored unless it is an address that may sign up and the token says
    // that it is verified (`email_verified`, OpenID Connect Core, section 5.1, or `emailVerified`).
    // `exp` must be a number that has not passed, `nbf` and `iat` numbers that are not in the
    // future; clocks may differ by 30 seconds. Fractions of a second shorten the token's life.
    //
    // Throws TokenError; and ApiError (503) with Retry-After as long as nobody knows whether the
    // key belongs to the issuer: no request for the key set has succeeded since the key was missed.
    //
    // The last few hundred valid tokens are cached by their SHA-256 until the key set changes;
    // their times are checked at each call. One thread at a time may verify.
    Identity verify(std::string_view token) const;

    // The same for a request. Returns nullopt while keys are being fetched that may change the
    // outcome: wait for wait_for_keys() and call verify() then.
    std::optional<Identity> try_verify(std::string_view token) const;

    Async<> wait_for_keys() const;

private:
    struct SecretKey {
        Key key;
        const TokenSource* source;
    };

    // A cache entry for a verified token. An unused one holds a token that expired in 1970.
    struct CacheEntry {
        Digest digest{};
        TokenClaims claims;
    };

    void prepare() const;
    std::optional<TokenClaims> read(std::string_view token, bool may_wait) const;
    std::optional<std::string> find_payload(const Jws& jws, bool may_wait) const;
    TokenClaims read_claims(std::string_view payload, const TokenSource& source) const;
    std::optional<Identity> decide(std::string_view token, bool may_wait) const;
    // Signs with JWT_SECRET and sets `alg` to its algorithm.
    std::string sign(jwt& token) const;

    std::string secret_;  // signs
    std::string previous_secret_;
    std::string shared_secret_;
    TokenSource own_;
    TokenSource shared_{};
    TokenSource published_;
    bool needs_uuid_;
    std::int64_t lifetime_seconds_;
    Time time_;
    std::shared_ptr<KeySet> key_set_;
    // Prepared for the first token: OpenSSL's set-up takes a tenth of a handler's memory, and many
    // handlers never see a token.
    mutable std::vector<SecretKey> secret_keys_;
    mutable std::vector<CacheEntry> cache_;
    mutable std::uint64_t cache_generation_ = 0;
};
