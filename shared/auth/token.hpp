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

// Seconds for which a ticket is good.
inline constexpr std::int64_t ticket_seconds = 60;

// So many digits of what names an API key stand in logs and tickets.
inline constexpr std::size_t shown_key_digits = 8;

// Where a token comes from: whoever has one of the keys. Each key belongs to one source only, and
// so decides what the claims have to be.
struct TokenSource {
    std::string issuer;    // empty: any, or none
    std::string audience;  // empty: any, or none
};

// The claims of a token that are used. Without `iat` or `nbf` its moment is 1970.
struct TokenClaims {
    Identity user;
    std::int64_t issued_at = 0;
    std::int64_t valid_from = 0;
};

class Tokens {
public:
    // Seconds since 1970; tests bring their own.
    using Time = std::function<std::int64_t()>;

    // `keys` is the key set of open_key_set(), or null. Throws std::invalid_argument without a
    // JWT_SECRET: everyone can sign with an empty key.
    explicit Tokens(const Config& config, std::shared_ptr<KeySet> keys = nullptr);
    Tokens(const Config& config, std::shared_ptr<KeySet> keys, Time time);

    Tokens(const Tokens&) = delete;
    Tokens& operator=(const Tokens&) = delete;

    // A token for a user, valid for JWT_EXPIRE_MINUTES. Throws std::invalid_argument for a user id
    // or an e-mail address that verify() would refuse.
    std::string issue(const Identity& user) const;

    // A ticket that stands for who proved a token or an API key, for those that can send neither: a
    // browser's EventSource and WebSocket. Good for a minute, for the feed of events alone, and no
    // longer than the token; what it opens ends with the token. It holds the first digits of what
    // names the key, as the log does.
    std::string issue_ticket(const Identity& bearer) const;

    // Whom a ticket stands for; whether its key is still accepted is for the caller to ask. Throws
    // TokenError for everything else, a token in particular.
    Identity verify_ticket(std::string_view ticket) const;

    std::int64_t lifetime_seconds() const { return lifetime_seconds_; }

    // Who a token speaks for. Its key decides which source it is of:
    //   JWT_SECRET, JWT_SECRET_PREVIOUS  `iss` and `aud` must be this service
    //   BETTER_AUTH_SECRET               any `iss` and `aud`
    //   JWKS_URL, JWKS_FILE              JWKS_ISSUER and JWKS_AUDIENCE, where they are set
    // The user id is the first non-empty string among `sub`, `userId` and `id`, 1 to 255 bytes
    // without control characters, and a UUID where USER_ID_FORMAT says so; there may be an `email`,
    // which is left out of a token of another issuer unless that says it is verified
    // (`email_verified`, OpenID Connect Core, section 5.1, or `emailVerified`).
    // `exp` must be an integer that is not past, `nbf` and `iat` integers that are not in the
    // future; clocks may differ by 30 seconds.
    //
    // Throws TokenError; and ApiError (503) when there has never been a key set to find the key in.
    //
    // The last few hundred good tokens are remembered by their SHA-256 until the key set changes;
    // their times are checked on each call. One thread at a time may verify.
    Identity verify(std::string_view token) const;

    // The same for a request: nullopt when keys are being fetched that may decide otherwise. Then
    // wait for keys_fetched() and call verify().
    std::optional<Identity> try_verify(std::string_view token) const;

    Async<> keys_fetched() const;

private:
    struct SecretKey {
        Key key;
        const TokenSource* source;
    };

    // What is known of a token. Before its first use it is of one that expired in 1970.
    struct Known {
        Digest digest{};
        TokenClaims claims;
    };

    void prepare() const;
    std::optional<TokenClaims> read(std::string_view token, bool may_wait) const;
    std::optional<std::string> find_payload(const Jws& jws, bool may_wait) const;
    TokenClaims read_claims(std::string_view payload, const TokenSource& source) const;
    std::optional<Identity> decide(std::string_view token, bool may_wait) const;
    // Signs with JWT_SECRET, which the algorithm of a header then names.
    std::string sign(jwt& made) const;

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
    // Prepared when the first token comes: OpenSSL's set-up is a tenth of a handler's memory, and
    // many handlers never see a token.
    mutable std::vector<SecretKey> secret_keys_;
    mutable std::vector<Known> known_;
    mutable std::uint64_t known_generation_ = 0;
};
