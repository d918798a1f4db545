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
    std::string algorithm;  // "EdDSA" for "Ed25519", its other name (RFC 9864)
    std::string key_id;     // empty if absent
};

// Throws TokenError for a header without `alg`; with `crit`, `b64` or `zip`; with a `typ` other
// than `JWT` and `at+jwt` (RFC 9068), both in any case and also with `application/` before them;
// with a `kid` that is not a string of 1 to 255 bytes; with duplicate members; and for everything
// that json::parse() refuses. `jwk`, `jku`, `x5u` and `x5c` are ignored: the signer's word on the
// key proves nothing.
JwsHeader read_header(const Jws& jws);

// A key with the one algorithm that it verifies (RFC 8725, section 3.1): the key selects the
// algorithm, never the header. Copies share one prepared state, which one thread at a time may use.
class Key {
public:
    // For HS256 (RFC 7518, section 3.2). Throws KeyError for an empty key, which anybody could use.
    static Key from_secret(std::string_view secret);

    // The public key of a JWK (RFC 7517), for
    //   EdDSA                kty OKP, crv Ed25519 (RFC 8037), alg EdDSA, Ed25519 or none
    //   ES256, ES384, ES512  kty EC, crv P-256, P-384 or P-521
    //   RS256                kty RSA, 2048 to 4096 bits, alg RS256 or none
    //   RS384, RS512, PS256, PS384, PS512  the same with that alg
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
    // the curve's size each and both not 0 for ECDSA, 64 bytes for EdDSA, and the size of the
    // modulus for RSA.
    bool verifies(const Jws& jws) const;

private:
    struct Algorithm {
        std::string_view name;        // `alg` (RFC 7518, section 3.1)
        std::string_view type;        // `kty`
        std::string_view curve;       // `crv`, which is also OpenSSL's name; empty without a curve
        std::size_t signature_bytes;  // 0: the size of the modulus
        const EVP_MD* (*hash)();      // null if the algorithm contains it
        int padding;                  // of RSA, as OpenSSL numbers it; otherwise 0
    };
    static const Algorithm algorithms[];

    explicit Key(const Algorithm& algorithm)
        : algorithm_{&algorithm}, signature_bytes_{algorithm.signature_bytes} {}
    // The row with this name; null if there is none.
    static const Algorithm* find(std::string_view name);
    static const Algorithm& algorithm_of(const rapidjson::Value& jwk, std::string_view type);
    void read_rsa(const rapidjson::Value& jwk);
    void read_elliptic(const rapidjson::Value& jwk);
    void read_edwards(const rapidjson::Value& jwk);
    bool has_made_mac(const Jws& jws) const;
    bool has_signed(const Jws& jws) const;

    const Algorithm* algorithm_;
    std::size_t signature_bytes_;
    std::string id_;
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
