// The other side of token verification: makes keys and signs with them.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

// base64url without padding (RFC 7515, section 2).
std::string base64url(std::string_view bytes);

// HMAC-SHA-256.
std::string mac_of(std::string_view secret, std::string_view text);

// A compact JWS signed with HMAC-SHA-256, whatever its header says.
std::string hmac_token(std::string_view header, std::string_view payload, std::string_view secret);

// A token of the issuer that shares issuer_secret (tests/support/database.hpp), good for an hour.
// `more` are further claims: ",\"email\":…".
std::string foreign_token(const std::string& user_id, const std::string& more = "");

class Signer {
public:
    // A new key. The algorithm is EdDSA, ES256, ES384, ES512, RS256 or PS256; `bits` is for RSA.
    explicit Signer(std::string algorithm, std::string key_id = "k", unsigned bits = 2048);

    const std::string& algorithm() const { return algorithm_; }

    // The public key as a JWK: its own members, then `more` (",\"use\":\"sig\"", say).
    std::string jwk(const std::string& more) const;
    // With alg and kid.
    std::string jwk() const;

    // The public members alone: {"kty":"EC","crv":"P-256","x":"…","y":"…"} without the braces.
    const std::string& members() const { return members_; }

    // The public key as PEM and as DER (SubjectPublicKeyInfo).
    std::string pem() const;
    std::string der() const;

    // {"alg":…,"kid":…}
    std::string header() const;

    // The signature as it stands in a JWS.
    std::string sign(std::string_view text) const;

    // ECDSA as OpenSSL writes it, in DER.
    std::string sign_der(std::string_view text) const;

    // RSA's private operation on these bytes, which are as many as the modulus has.
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
