// The counterpart of token verification: generates keys and signs with them.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

// base64url without padding (RFC 7515, section 2).
std::string base64url(std::string_view bytes);

// HMAC-SHA-256.
std::string mac_of(std::string_view secret, std::string_view text);

// Returns a compact JWS signed with HMAC-SHA-256, whatever its header says.
std::string hmac_token(std::string_view header, std::string_view payload, std::string_view secret);

// Returns a token of the issuer that shares issuer_secret (tests/support/database.hpp), valid for
// an hour. `more` contains further claims: ",\"email\":…".
std::string foreign_token(const std::string& user_id, const std::string& more = "");

class Signer {
public:
    // Generates a key. The algorithm is EdDSA, or ES, RS or PS with 256, 384 or 512; `bits` is for
    // RSA.
    explicit Signer(std::string algorithm, std::string key_id = "k", unsigned bits = 2048);

    const std::string& algorithm() const { return algorithm_; }

    // Returns the public key as a JWK: its own members, then `more` (",\"use\":\"sig\"", for
    // example).
    std::string jwk(const std::string& more) const;
    // With alg and kid.
    std::string jwk() const;

    // Only the public members: {"kty":"EC","crv":"P-256","x":"…","y":"…"} without the braces.
    const std::string& members() const { return members_; }

    // The public key as PEM and as DER (SubjectPublicKeyInfo).
    std::string pem() const;
    std::string der() const;

    // {"alg":…,"kid":…}
    std::string header() const;

    // Returns the signature in the form that a JWS uses.
    std::string sign(std::string_view text) const;

    // Returns an ECDSA signature in DER, as OpenSSL makes it.
    std::string sign_der(std::string_view text) const;

    // Applies RSA's private operation to these bytes, which are as long as the modulus.
    std::string raw_rsa(std::string_view block) const;

    std::string token(std::string_view payload) const { return token(header(), payload); }
    std::string token(std::string_view header, std::string_view payload) const;

private:
    std::string sign_any(std::string_view text) const;

    std::string algorithm_;
    std::string key_id_;
    std::shared_ptr<EVP_PKEY> key_;
    std::string members_;
};

// {"keys":[…]}
std::string set_of(std::initializer_list<std::string> jwks);
