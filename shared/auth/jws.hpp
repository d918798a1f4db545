// JSON Web Signatures in their compact form (RFC 7515), verified with OpenSSL. This file ignores
// the claims of a payload, so that published test vectors can be run against it.
#pragma once

#include <openssl/types.h>
#include <rapidjson/document.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

// An invalid token. The message is for the log: it names the broken rule and does not quote the
// token.
class TokenError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Throws TokenError: "part: reason".
[[noreturn]] void refuse_token(std::string_view part, std::string_view reason);

// A key that must not or cannot be used. The message is for the log.
class KeyError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

inline constexpr std::size_t max_token_bytes = 8192;

// The parts of a token, which are not verified yet. The views point into the token.
struct Jws {
    std::string_view signed_text;  // the first two parts with the dot between them
    std::string_view header;       // base64url, as the payload
    std::string_view payload;
    std::string signature;  // decoded
};

// Throws TokenError if the token is larger than 8 KiB, does not have three parts, or has a
// signature that is not canonical base64url without padding.
Jws split_jws(std::string_view token);

struct JwsHeader {
    std::string algorithm;
    std::string key_id;  // empty if absent
};

// Throws TokenError for a header without `alg`; with `crit`, `b64`, `zip`, `jwk`, `jku`, `x5u` or
// `x5c`; with a `typ` other than JWT in any case; with a `kid` that is not a string of 1 to 255
// bytes; with duplicate members; and for everything that json::parse() refuses.
JwsHeader read_header(const Jws& jws);

// A key with the one algorithm that it verifies (RFC 8725, section 3.1): the key selects the
// algorithm, never the header. Copies share one prepared state, which one thread at a time may use.
class Key {
public:
    // For HS256 (RFC 7518, section 3.2). Throws KeyError for an empty key, which anybody could use.
    static Key from_secret(std::string_view secret);

    // The public key of a JWK (RFC 7517), for
    //   EdDSA  kty OKP, crv Ed25519 (RFC 8037)
    //   ES256  kty EC, crv P-256
    //   ES512  kty EC, crv P-521
    //   RS256  kty RSA, 2048 to 4096 bits, alg RS256 or none
    //   PS256  the same with alg PS256
    // Throws KeyError for every other kind, a secret (oct) in particular; for an `alg` that does
    // not go with the rest, a `use` other than sig and `key_ops` without verify; for a point that
    // is not on its curve; for an Ed25519 key of small order or not in canonical form, and an RSA
    // modulus that is easy to factor; and for a key that is published with its private half.
    static Key from_jwk(const rapidjson::Value& jwk);

    // Whether a key of a set can have the algorithm that a header names.
    static bool is_public(std::string_view algorithm);

    std::string_view algorithm() const { return algorithm_->name; }
    const std::string& id() const { return id_; }  // `kid`; empty if absent

    // Whether this key made the signature. The form must be exact: 32 bytes for HS256, r and s of
    // 32 or 66 bytes each and both not 0 for ES256 and ES512, 64 bytes for EdDSA, and the size of
    // the modulus for RS256 and PS256.
    bool verifies(const Jws& jws) const;

private:
    struct Algorithm {
        std::string_view name;
        std::size_t signature_bytes;  // 0: the size of the modulus
    };
    static const Algorithm hs256, eddsa, es256, es512, rs256, ps256;

    explicit Key(const Algorithm& algorithm) : algorithm_{&algorithm} {}
    static Key rsa(const rapidjson::Value& jwk);
    static Key elliptic(const rapidjson::Value& jwk);
    static Key edwards(const rapidjson::Value& jwk);
    bool has_made_mac(const Jws& jws) const;
    bool has_signed(const Jws& jws) const;

    const Algorithm* algorithm_;
    std::string id_;
    std::size_t signature_bytes_ = 0;
    std::shared_ptr<EVP_MAC_CTX> mac_;    // HS256
    std::shared_ptr<EVP_PKEY> verifier_;  // all others
};

// The payload of a token that this key signed; nullopt if another key did. Throws TokenError if the
// header names another algorithm than the key's or is refused by read_header(), or if the payload
// is not canonical base64url.
std::optional<std::string> open_jws(const Key& key, const Jws& jws);

// The same for a token's text. Also throws TokenError if another key made the signature.
std::string verify_jws(const Key& key, std::string_view token);

// Parses the JSON object of a header or payload. Throws TokenError, which names the part.
rapidjson::Document parse_part(std::string_view json, std::string_view part);
