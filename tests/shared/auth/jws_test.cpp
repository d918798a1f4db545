#include "shared/auth/jws.hpp"

#include <openssl/bn.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "shared/json/reader.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/json_text.hpp"
#include "tests/support/signer.hpp"

using namespace std::string_literals;

namespace {

const std::string secret = "a secret of at least thirty-two bytes";
const std::string not_signed = "signature: made with another key";

// The payload shared by appendices A.1 to A.3 of RFC 7515.
const std::string claims_of_joe =
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
const std::string encoded_joe =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q";

Key key_of(std::string_view jwk) { return Key::from_jwk(json::parse(jwk)); }
Key key_of(const Signer& signer) { return key_of(signer.jwk()); }

std::string verdict(const Key& key, std::string_view token) {
    try {
        verify_jws(key, token);
    } catch (const TokenError& error) {
        return error.what();
    }
    return "accepted";
}

// Returns why a JWK is refused, or the algorithm of an accepted one.
std::string key_verdict(std::string_view jwk) {
    try {
        return std::string{key_of(jwk).algorithm()};
    } catch (const KeyError& error) {
        return error.what();
    }
}

std::string with_signature(const std::string& token, std::string_view signature) {
    return token.substr(0, token.rfind('.') + 1) + base64url(signature);
}

std::string signed_text_of(const std::string& token) { return token.substr(0, token.rfind('.')); }

const Signer& signer_of(std::string_view algorithm) {
    static const Signer all[] = {Signer{"EdDSA"}, Signer{"ES256"}, Signer{"ES384"}, Signer{"ES512"},
                                 Signer{"RS256"}, Signer{"RS384"}, Signer{"RS512"}, Signer{"PS256"},
                                 Signer{"PS384"}, Signer{"PS512"}};
    return *std::find_if(std::begin(all), std::end(all),
                         [&](const auto& signer) { return signer.algorithm() == algorithm; });
}

constexpr const char* public_algorithms[] = {"EdDSA", "ES256", "ES384", "ES512", "RS256",
                                             "RS384", "RS512", "PS256", "PS384", "PS512"};

}  // namespace

// --- published vectors

// RFC 7515, appendix A.1.
Test(jws, verifies_the_vector_of_hs256) {
    static constexpr unsigned char key[] = {
        3,   35,  53, 75,  43,  15, 165, 188, 131, 126, 6,   101, 119, 123, 166, 143,
        90,  179, 40, 230, 240, 84, 201, 40,  169, 15,  132, 178, 210, 80,  46,  191,
        211, 251, 90, 146, 210, 6,  71,  239, 150, 138, 180, 195, 119, 98,  61,  34,
        61,  46,  33, 114, 5,   46, 79,  8,   192, 205, 154, 245, 103, 208, 128, 163};
    const std::string_view published{reinterpret_cast<const char*>(key), sizeof key};
    const auto token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + encoded_joe +
                       ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    EXPECT_TEXT(verify_jws(Key::from_secret(published), token), claims_of_joe);
    EXPECT_TEXT(verdict(Key::from_secret(published.substr(1)), token), not_signed);
}

// RFC 7515, appendix A.2.
Test(jws, verifies_the_vector_of_rs256) {
    const auto key = key_of(
        R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPC)"
        R"(JrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-)"
        R"(bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9)"
        R"(kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",)"
        R"("e":"AQAB"})");
    const auto token =
        "eyJhbGciOiJSUzI1NiJ9." + encoded_joe +
        ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W"
        "2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjt"
        "QBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6I"
        "eYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    EXPECT_TEXT(verify_jws(key, token), claims_of_joe);
}

// RFC 7515, appendix A.3.
Test(jws, verifies_the_vector_of_es256) {
    const auto key = key_of(R"({"kty":"EC","crv":"P-256",)"
                            R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                            R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
    const auto token = "eyJhbGciOiJFUzI1NiJ9." + encoded_joe +
                       ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJ"
                       "qPP3-Kg6NU1Q";
    EXPECT_TEXT(verify_jws(key, token), claims_of_joe);
}

// RFC 7515, appendix A.4.
Test(jws, verifies_the_vector_of_es512) {
    const auto key = key_of(
        R"({"kty":"EC","crv":"P-521",)"
        R"("x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",)"
        R"("y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})");
    EXPECT_TEXT(
        verify_jws(
            key,
            "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
            "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO"
            "0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9E"
            "RBXukOXolLzeO_Jn"),
        "Payload");
}

// RFC 8037, appendix A.4.
Test(jws, verifies_the_vector_of_eddsa) {
    const auto key = key_of(R"({"kty":"OKP","crv":"Ed25519",)"
                            R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
    EXPECT_TEXT(verify_jws(key,
                           "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                           "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g"
                           "7sVvpAr_MuM0KAg"),
                "Example of Ed25519 signing");
}

// --- signatures

Test(jws, gives_back_a_payload_of_any_bytes) {
    const std::string bytes = "\0\xff\x80{\n"s;
    for (const auto& payload : {bytes, ""s}) {
        EXPECT_TEXT(
            verify_jws(Key::from_secret("k"), hmac_token(R"({"alg":"HS256"})", payload, "k")),
            payload);
        for (const auto* name : public_algorithms) {
            const auto& signer = signer_of(name);
            EXPECT_TEXT(verify_jws(key_of(signer), signer.token(payload)), payload);
        }
    }
}

Test(jws, no_key_verifies_what_another_made) {
    for (const auto* name : public_algorithms) {
        const Signer stranger{name};
        const auto token = stranger.token("{}");
        for (const auto* other : public_algorithms)
            EXPECT_TEXT(verdict(key_of(signer_of(other)), token), not_signed);
        EXPECT_TEXT(verdict(Key::from_secret(secret), token), not_signed);
        EXPECT_TEXT(verdict(key_of(stranger), token), "accepted");
    }
}

// The signature is valid each time. Only the header is wrong.
Test(jws, the_header_must_name_the_algorithm_of_the_key) {
    for (const auto* name : public_algorithms) {
        const auto& signer = signer_of(name);
        const auto key = key_of(signer);
        for (const auto* other :
             {"none",  "None",  "NONE",    "nOnE",     "",      "HS256", "HS384", "HS512",
              "RS256", "RS384", "RS512",   "PS256",    "PS384", "PS512", "ES256", "ES384",
              "ES512", "EdDSA", "ed25519", "Ed25519 ", "es256", "eddsa", "ES256 "}) {
            const auto verdict_of =
                verdict(key, signer.token(R"({"alg":")"s + other + R"("})", "{}"));
            EXPECT_TEXT(other + " "s + verdict_of,
                        other + " "s +
                            (name == std::string_view{other} ? "accepted"
                                                             : "header: alg must be "s + name));
        }
        EXPECT_TEXT(verdict(key, signer.token("{}", "{}")), "header: alg is missing");
    }
}

Test(jws, signatures_have_their_exact_size) {
    for (const auto* name : public_algorithms) {
        const auto& signer = signer_of(name);
        const auto key = key_of(signer);
        const auto token = signer.token("{}");
        const auto signature = signer.sign(signed_text_of(token));
        for (const auto& other :
             {""s, signature.substr(1), signature.substr(0, signature.size() - 1),
              signature + "\0"s, "\0"s + signature, signature + signature,
              signature.substr(signature.size() / 2)})
            EXPECT_TEXT(verdict(key, with_signature(token, other)), not_signed);
        EXPECT_TEXT(verdict(key, signed_text_of(token) + "."), not_signed);
    }
}

Test(jws, every_bit_of_a_signature_counts) {
    for (const auto* name : public_algorithms) {
        const auto& signer = signer_of(name);
        const auto key = key_of(signer);
        const auto token = signer.token("{}");
        const auto signature = signer.sign(signed_text_of(token));
        cr_assert(verdict(key, with_signature(token, signature)) == "accepted");
        for (std::size_t i = 0; i < signature.size(); i += 7)
            for (const char bit : {'\x01', '\x80'}) {
                auto changed = signature;
                changed[i] = static_cast<char>(changed[i] ^ bit);
                EXPECT_TEXT(verdict(key, with_signature(token, changed)), not_signed);
            }
    }
}

Test(jws, every_byte_of_the_text_is_signed) {
    for (const auto* name : public_algorithms) {
        const auto& signer = signer_of(name);
        const auto key = key_of(signer);
        const auto token = signer.token(R"({"sub":"ann"})");
        for (std::size_t i = 0; i < token.rfind('.'); ++i) {
            auto changed = token;
            changed[i] = changed[i] == 'A' ? 'B' : 'A';
            cr_expect(verdict(key, changed) != "accepted", "%s, byte %zu", name, i);
        }
    }
}

// RFC 9864, section 2.2: two names of one algorithm, in headers and keys.
Test(jws, ed25519_is_eddsa) {
    const auto& signer = signer_of("EdDSA");
    for (const auto* name : {"EdDSA", "Ed25519"}) {
        const auto key = key_of(signer.jwk(R"(,"alg":")"s + name + '"'));
        EXPECT_TEXT(std::string{key.algorithm()}, "EdDSA");
        for (const auto* header : {R"({"alg":"EdDSA"})", R"({"alg":"Ed25519"})"})
            EXPECT_TEXT(verdict(key, signer.token(header, "{}")), "accepted");
    }
    EXPECT_TEXT(key_verdict(signer_of("ES256").jwk(R"(,"alg":"Ed25519")")),
                "alg does not match the key");
    EXPECT_TEXT(
        verdict(key_of(signer_of("ES256")), signer_of("ES256").token(R"({"alg":"Ed25519"})", "{}")),
        "header: alg must be ES256");
}

// CVE-2022-21449 and similar attacks.
Test(jws, numbers_of_ecdsa_are_neither_0_nor_the_order) {
    const std::string order_256 =
        "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
        "\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51"s;
    const std::string order_384 = std::string(24, '\xff') +
                                  "\xc7\x63\x4d\x81\xf4\x37\x2d\xdf\x58\x1a\x0d\xb2"
                                  "\x48\xb0\xa7\x7a\xec\xec\x19\x6a\xcc\xc5\x29\x73"s;
    for (const auto* name : {"ES256", "ES384", "ES512"}) {
        const auto& signer = signer_of(name);
        const auto key = key_of(signer);
        const auto token = signer.token("{}");
        const auto good = signer.sign(signed_text_of(token));
        const auto half = good.size() / 2;
        const std::string zero(half, '\0');
        const auto one = std::string(half - 1, '\0') + "\x01";
        const std::string largest(half, '\xff');
        const auto order = half == 32 ? order_256 : half == 48 ? order_384 : largest;
        for (const auto& r : {zero, one, order, largest, good.substr(0, half)})
            for (const auto& s : {zero, one, order, largest})
                EXPECT_TEXT(verdict(key, with_signature(token, r + s)), not_signed);
        EXPECT_TEXT(verdict(key, with_signature(token, zero + good.substr(half))), not_signed);
        EXPECT_TEXT(verdict(key, with_signature(token, good.substr(half) + good.substr(0, half))),
                    not_signed);
    }
}

Test(jws, ecdsa_in_der_is_refused) {
    for (const auto* name : {"ES256", "ES384", "ES512"}) {
        const auto& signer = signer_of(name);
        const auto token = signer.token("{}");
        auto der = signer.sign_der(signed_text_of(token));
        EXPECT_TEXT(verdict(key_of(signer), with_signature(token, der)), not_signed);
        der.resize(signer.sign("").size());
        EXPECT_TEXT(verdict(key_of(signer), with_signature(token, der)), not_signed);
    }
}

// The group order L is added to the second half (RFC 8032, section 5.1.7: S < L).
Test(jws, an_ed25519_signature_has_one_form) {
    static constexpr unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                                0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                                0,    0,    0,    0,    0,    0,    0,    0,
                                                0,    0,    0,    0,    0,    0,    0,    0x10};
    const auto& signer = signer_of("EdDSA");
    const auto token = signer.token("{}");
    auto signature = signer.sign(signed_text_of(token));
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        carry += static_cast<unsigned char>(signature[32 + i]) + order[i];
        signature[32 + i] = static_cast<char>(carry & 0xff);
        carry >>= 8;
    }
    EXPECT_TEXT(verdict(key_of(signer), with_signature(token, signature)), not_signed);
}

// Signs blocks whose padding is not exactly that of PKCS #1 (RFC 8017, section 9.2).
Test(jws, the_padding_of_rs256_is_exact) {
    const auto& signer = signer_of("RS256");
    const auto key = key_of(signer);
    const auto token = signer.token("{}");
    const auto text = signed_text_of(token);
    std::string hash(32, '\0');
    EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(hash.data()), nullptr,
               EVP_sha256(), nullptr);
    const auto oid = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"s;
    const auto info = "\x30\x31\x30\x0d"s + oid + "\x05\x00\x04\x20"s + hash;
    const auto padded = [](const std::string& start, const std::string& end) {
        return start + std::string(256 - start.size() - 1 - end.size(), '\xff') + "\0"s + end;
    };
    const auto start = "\x00\x01"s;
    const auto verdict_of = [&](const std::string& block) {
        return verdict(key, with_signature(token, signer.raw_rsa(block)));
    };
    EXPECT_TEXT(verdict_of(padded(start, info)), "accepted");
    const auto ones = [&](std::size_t count) { return start + std::string(count, '\xff') + "\0"s; };
    const std::string blocks[] = {
        padded("\x00\x02"s, info),
        padded("\x00\x00"s, info),
        padded("\x01\x01"s, info).replace(0, 1, "\0"s).replace(1, 1, "\x03"),
        padded(start, hash),
        padded(start, "\x30\x2f\x30\x0b"s + oid + "\x04\x20"s + hash),  // NULL is missing
        padded(start, "\x30\x81\x31\x30\x0d"s + oid + "\x05\x00\x04\x20"s + hash),  // long form
        padded(start, "\x30\x31\x30\x81\x0d"s + oid + "\x05\x00\x04\x20"s + hash),
        padded(start, "\x30\x30\x30\x0d"s + oid + "\x05\x00\x04\x20"s + hash),
        padded(start, "\x30\x32\x30\x0d"s + oid + "\x05\x00\x04\x20"s + hash + "\0"s),
        padded(start, "\x30\x80\x30\x0d"s + oid + "\x05\x00\x04\x20"s + hash + "\0\0"s),
        padded(start, "\x31\x31\x30\x0d"s + oid + "\x05\x00\x04\x20"s + hash),
        padded(start, "\x30\x31\x30\x0d"s + oid + "\x05\x01\x04\x20"s + hash),
        padded(start, "\x30\x33\x30\x0f"s + oid + "\x05\x02\xab\xcd\x04\x20"s + hash),
        padded(
            start,
            "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x20"s + hash),
        padded(start, "\x30\x31\x30\x0d"s + oid + "\x05\x00\x04\x1f"s + hash),
        padded(start, info + "\0"s),
        // CVE-2006-4339: the verifier ignores what follows the hash.
        ones(8) + info + std::string(256 - 11 - info.size(), '\0'),
        ones(8) + info + std::string(256 - 11 - info.size(), '\xff'),
        start + std::string(100, '\xff') + "\x00"s + std::string(153 - info.size(), '\xff') + info,
        start + std::string(253 - info.size(), '\x00') + "\x00"s + info,
        std::string(255, '\0') + "\x01",
        std::string(256, '\0'),
    };
    for (const auto& block : blocks) {
        cr_assert_eq(block.size(), 256);
        cr_expect(verdict_of(block) == not_signed, "block %td", &block - blocks);
    }
}

Test(jws, an_rsa_key_is_for_one_padding) {
    const auto& signer = signer_of("RS256");
    const auto& pss = signer_of("PS256");
    const auto token = signer.token(R"({"alg":"PS256"})", "{}");
    EXPECT_TEXT(verdict(key_of(signer.jwk(R"(,"alg":"PS256")")), token), not_signed);
    EXPECT_TEXT(verdict(key_of(pss.jwk(R"(,"alg":"RS256")")), pss.token("{}")), not_signed);
    EXPECT_TEXT(verdict(key_of(pss.jwk("")), pss.token("{}")), not_signed);
}

// Even where all keys have the same numbers.
Test(jws, an_rsa_key_is_for_one_algorithm) {
    const auto& signer = signer_of("RS384");
    const auto token = signer.token("{}");
    for (const auto* name : {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
        EXPECT_TEXT(name + " "s + verdict(key_of(signer.jwk(R"(,"alg":")"s + name + '"')), token),
                    name + " "s + (name == "RS384"s ? "accepted" : not_signed));
    EXPECT_TEXT(verdict(key_of(signer.jwk("")), token), not_signed);
}

// --- keys

Test(jws, an_empty_secret_proves_nothing) {
    cr_expect(throws<KeyError>([] { Key::from_secret(""); }));
}

// CVE-2015-9235: an attacker signs with the public key as an HMAC secret.
Test(jws, a_public_key_is_no_secret) {
    for (const auto* name : public_algorithms) {
        const auto& signer = signer_of(name);
        const auto key = key_of(signer);
        for (const auto& known : {signer.pem(), signer.pem() + "\n", signer.der(), signer.jwk(),
                                  signer.members(), "{" + signer.members() + "}"})
            for (const auto* header : {R"({"alg":"HS256"})", R"({"alg":"HS256","kid":"k"})"})
                EXPECT_TEXT(verdict(key, hmac_token(header, "{}", known)), not_signed);
    }
}

Test(jws, reads_every_kind_of_public_key) {
    for (const auto* name : public_algorithms) {
        const auto& signer = signer_of(name);
        const auto key = key_of(signer);
        EXPECT_TEXT(std::string{key.algorithm()}, name);
        EXPECT_TEXT(key.id(), "k");
        EXPECT_TEXT(key_verdict(signer.jwk(R"(,"use":"sig","alg":")"s + name + '"')), name);
        EXPECT_TEXT(
            key_verdict(signer.jwk(R"(,"key_ops":["sign","verify"],"alg":")"s + name + '"')), name);
        EXPECT_TEXT(key_verdict(signer.jwk(R"(,"x5t":"abc","exp":1,"alg":")"s + name + '"')), name);
        const bool is_rsa = signer.members().starts_with(R"("kty":"RSA")");
        EXPECT_TEXT(key_verdict(signer.jwk("")), is_rsa ? "RS256" : name);
        EXPECT_TEXT(key_of(signer.jwk("")).id(), "");
    }
}

Test(jws, refuses_keys_for_something_else) {
    for (const auto* name : public_algorithms) {
        const auto& signer = signer_of(name);
        const auto verdict_with = [&](const std::string& more) {
            return key_verdict(signer.jwk("," + more));
        };
        const std::string no_sig = "use must be sig";
        EXPECT_TEXT(verdict_with(R"("use":"enc")"), no_sig);
        EXPECT_TEXT(verdict_with(R"("use":"")"), no_sig);
        EXPECT_TEXT(verdict_with(R"("use":null)"), "use is not a string");
        const std::string no_verify = "key_ops lacks verify";
        for (const auto* operations :
             {R"(["sign"])", "[]", R"("verify")", "null", R"([["verify"]])"})
            EXPECT_TEXT(verdict_with(R"("key_ops":)"s + operations), no_verify);
        EXPECT_TEXT(verdict_with(R"("d":"AA")"), "private key is published");
        EXPECT_TEXT(verdict_with(R"("kid":1)"), "kid is not a string");
        for (const auto* other :
             {"HS256", "none", "ES256K", "RS1", "RSA-OAEP", "EdDSA2", "Ed448", ""})
            EXPECT_TEXT(verdict_with(R"("alg":")"s + other + '"'), "alg does not match the key");
        EXPECT_TEXT(verdict_with(R"("alg":null)"), "alg is not a string");
    }
}

Test(jws, refuses_keys_of_other_kinds) {
    const std::string oct = "secret key in a set of public keys";
    EXPECT_TEXT(key_verdict(R"({"kty":"oct","k":"c2VjcmV0"})"), oct);
    EXPECT_TEXT(key_verdict(R"({"kty":"oct","k":"c2VjcmV0","alg":"HS256","use":"sig"})"), oct);
    const std::string unknown = "kty must be RSA, EC or OKP";
    EXPECT_TEXT(key_verdict("{}"), unknown);
    EXPECT_TEXT(key_verdict(R"({"kty":"AKP"})"), unknown);
    EXPECT_TEXT(key_verdict(R"({"kty":"ec"})"), unknown);
    EXPECT_TEXT(key_verdict(R"({"kty":null})"), "kty is not a string");
    EXPECT_TEXT(key_verdict("[]"), "not an object");
    const std::string other_curve = "crv is not supported";
    EXPECT_TEXT(key_verdict(R"({"kty":"EC","crv":"secp256k1"})"), other_curve);
    EXPECT_TEXT(key_verdict(R"({"kty":"EC","crv":"Ed25519"})"), other_curve);
    EXPECT_TEXT(key_verdict(R"({"kty":"EC"})"), other_curve);
    EXPECT_TEXT(key_verdict(R"({"kty":"EC","crv":1})"), "crv is not a string");
    EXPECT_TEXT(key_verdict(R"({"kty":"OKP","crv":"X25519"})"), other_curve);
    EXPECT_TEXT(key_verdict(R"({"kty":"OKP","crv":"Ed448"})"), other_curve);
    EXPECT_TEXT(key_verdict(R"({"kty":"OKP","crv":"P-256"})"), other_curve);
}

Test(jws, refuses_weak_and_false_rsa_keys) {
    const Signer weak{"RS256", "k", 2040};
    EXPECT_TEXT(key_verdict(weak.jwk()), "RSA key is shorter than 2048 bits");
    const Signer larger{"RS256", "k", 3072};
    EXPECT_TEXT(key_verdict(larger.jwk()), "RS256");
    EXPECT_TEXT(verdict(key_of(larger), larger.token("{}")), "accepted");
    const auto rsa = [](const std::string& modulus, const std::string& exponent) {
        return key_verdict(
            json_text(R"({"kty":"RSA","n":$,"e":$})", base64url(modulus), base64url(exponent)));
    };
    const std::string odd = "\xc1" + std::string(255, '\x55');
    EXPECT_TEXT(rsa(odd, "\x01"), "not a valid RSA key");
    EXPECT_TEXT(rsa(odd, "\x02"), "not a valid RSA key");
    EXPECT_TEXT(rsa(odd, "\0"s), "not a valid RSA key");
    EXPECT_TEXT(rsa(odd, "\x01" + std::string(8, '\x01')), "not a valid RSA key");
    EXPECT_TEXT(rsa(odd, ""), "e is missing");
    EXPECT_TEXT(rsa("", "\x03"), "n is missing");
    EXPECT_TEXT(rsa(odd + "\x02", "\x03"), "not a valid RSA key");
    EXPECT_TEXT(rsa(std::string(200, '\0') + std::string(100, '\x55'), "\x03"),
                "RSA key is shorter than 2048 bits");
    EXPECT_TEXT(rsa("\xc1" + std::string(1024, '\x55'), "\x03"),
                "RSA key is longer than 4096 bits");
    EXPECT_TEXT(key_verdict(R"({"kty":"RSA","n":"AQAB=","e":"AQAB"})"), "n is not base64url");
    EXPECT_TEXT(key_verdict(R"({"kty":"RSA","n":5,"e":"AQAB"})"), "n is not a string");
}

namespace {

// A modulus is easy to factor if it is prime, a power of a prime, or has a small factor.
using BigNumber = std::unique_ptr<BIGNUM, decltype(&BN_free)>;

BigNumber prime_of(int bits) {
    BigNumber prime{BN_new(), &BN_free};
    cr_assert(prime && BN_generate_prime_ex(prime.get(), bits, 0, nullptr, nullptr, nullptr) == 1);
    return prime;
}

BigNumber product(const BigNumber& one, const BigNumber& other) {
    const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> context{BN_CTX_new(), &BN_CTX_free};
    BigNumber made{BN_new(), &BN_free};
    cr_assert(BN_mul(made.get(), one.get(), other.get(), context.get()) == 1);
    return made;
}

std::string rsa_verdict(const BigNumber& modulus, const std::string& more = "") {
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(modulus.get())), '\0');
    BN_bn2bin(modulus.get(), reinterpret_cast<unsigned char*>(bytes.data()));
    return key_verdict(json_text(R"({"kty":"RSA","n":$,"e":"AQAB")", base64url(bytes)) + more +
                       "}");
}

}  // namespace

Test(jws, refuses_rsa_keys_that_are_easy_to_factor) {
    const auto large = prime_of(1032);
    EXPECT_TEXT(rsa_verdict(product(large, prime_of(1032))), "RS256");
    const std::string easy = "RSA modulus is easy to factor";
    EXPECT_TEXT(rsa_verdict(prime_of(2048)), easy);
    EXPECT_TEXT(rsa_verdict(prime_of(2048), R"(,"alg":"PS256")"), easy);
    EXPECT_TEXT(rsa_verdict(product(large, large)), easy);
    EXPECT_TEXT(rsa_verdict(product(product(large, prime_of(1032)), prime_of(9))), easy);
}

namespace {

// Returns OpenSSL's own verdict on the signature of an Ed25519 key.
bool openssl_accepts(const std::string& key, const std::string& signature,
                     const std::string& text) {
    const auto bytes = [](const std::string& from) {
        return reinterpret_cast<const unsigned char*>(from.data());
    };
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> made{
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(key), key.size()),
        &EVP_PKEY_free};
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free};
    cr_assert(made && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, made.get()));
    return EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text),
                            text.size()) == 1;
}

std::string ed25519_jwk(const std::string& point) {
    return json_text(R"({"kty":"OKP","crv":"Ed25519","x":$})", base64url(point));
}

}  // namespace

// There are exactly eight points whose order divides 8: y is 1, -1, 0, or one of the two values
// that double to 0, and the last three come with x of either sign. Anybody can forge a signature
// for such a key without a private key. OpenSSL accepts each of them, also with y + p in place of y
// and with a sign for x = 0.
Test(jws, refuses_ed25519_keys_of_small_order) {
    const std::string eighth =
        "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0"
        "\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05"s;
    const std::string minus_eighth =
        "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f"
        "\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a"s;
    const std::string ones(30, '\xff');
    const std::string small = "Ed25519 key has small order";
    const std::string other_form = "Ed25519 key is not in canonical form";
    const struct {
        std::string y;
        const std::string& reason;
    } cases[] = {
        {"\x01" + std::string(31, '\0'), small},
        {"\xec" + ones + "\x7f", small},
        {std::string(32, '\0'), small},
        {eighth, small},
        {minus_eighth, small},
        {"\xed" + ones + "\x7f", other_form},
        {"\xee" + ones + "\x7f", other_form},
    };
    const auto forged = "\x01" + std::string(63, '\0');
    for (const auto& [y, reason] : cases)
        for (const char sign : {'\0', '\x80'}) {
            auto point = y;
            point.back() = static_cast<char>(point.back() | sign);
            EXPECT_TEXT(key_verdict(ed25519_jwk(point)), reason);
            int accepted = 0;
            for (int i = 0; i < 200; ++i)
                accepted += openssl_accepts(point, forged, std::to_string(i)) ? 1 : 0;
            cr_expect_gt(accepted, 0, "%s is no weak key", shown(point).c_str());
        }
    // Neighbouring values.
    for (const char last : {'\xee', '\xff'})
        EXPECT_TEXT(key_verdict(ed25519_jwk(last + ones + "\x7f")), other_form);
    EXPECT_TEXT(key_verdict(ed25519_jwk("\xeb" + ones + "\x7f")), "EdDSA");
    EXPECT_TEXT(key_verdict(ed25519_jwk("\xed" + ones + "\x7e")), "EdDSA");
    EXPECT_TEXT(key_verdict(ed25519_jwk("\x02" + std::string(31, '\0'))), "EdDSA");
}

Test(jws, refuses_points_that_are_not_on_the_curve) {
    const auto ec = [](const std::string& curve, const std::string& x, const std::string& y) {
        return key_verdict(
            json_text(R"({"kty":"EC","crv":$,"x":$,"y":$})", curve, base64url(x), base64url(y)));
    };
    const std::string zero(32, '\0');
    const std::string number(32, '\x11');
    EXPECT_TEXT(ec("P-256", zero, zero), "not a valid key of this type");
    EXPECT_TEXT(ec("P-256", number, number), "not a valid key of this type");
    EXPECT_TEXT(ec("P-256", std::string(32, '\xff'), number), "not a valid key of this type");
    EXPECT_TEXT(ec("P-256", number.substr(1), number), "x has another size");
    EXPECT_TEXT(ec("P-256", number, number + "\0"s), "y has another size");
    EXPECT_TEXT(ec("P-256", number, ""), "y is missing");
    EXPECT_TEXT(ec("P-384", number, number), "x has another size");
    EXPECT_TEXT(ec("P-384", std::string(48, '\x01'), std::string(48, '\x01')),
                "not a valid key of this type");
    EXPECT_TEXT(ec("P-521", number, number), "x has another size");
    EXPECT_TEXT(ec("P-521", std::string(66, '\x01'), std::string(66, '\x01')),
                "not a valid key of this type");
    EXPECT_TEXT(
        key_verdict(R"({"kty":"OKP","crv":"Ed25519","x":")" + base64url(number + "\0"s) + "\"}"),
        "x has another size");
    // A key may not name another curve for its point.
    auto misplaced = signer_of("ES256").jwk("");
    misplaced.replace(misplaced.find("P-256"), 5, "P-521");
    EXPECT_TEXT(key_verdict(misplaced), "x has another size");
}

// --- hostile tokens

namespace {

struct Hostile {
    std::string name;
    std::string token;
};

// The right key signs each token whose fault is in the signed part.
std::vector<Hostile> hostile_tokens(const Signer& signer, const Signer& stranger) {
    std::vector<Hostile> all;
    const auto& algorithm = signer.algorithm();
    const std::string payload = R"({"sub":"eve","exp":9000000000})";
    const auto good = signer.token(payload);
    const auto text = signed_text_of(good);
    const auto signature = good.substr(good.rfind('.') + 1);
    const auto encoded_payload = base64url(payload);

    for (const auto* none :
         {"none", "None", "NONE", "nONE", "NoNe", "none ", " none", "n\\u006fne"}) {
        const auto header = R"({"alg":")"s + none + R"(","kid":"k"})";
        const auto unsigned_text = base64url(header) + "." + encoded_payload;
        all.push_back({"unsigned: "s + none, unsigned_text + "."});
        all.push_back({"signature kept: "s + none, unsigned_text + "." + signature});
        all.push_back({"signed: "s + none, signer.token(header, payload)});
    }
    for (const auto& known : {signer.pem(), signer.der(), signer.jwk(), ""s})
        all.push_back({"HS256 with the public key",
                       hmac_token(R"({"alg":"HS256","kid":"k"})", payload, known)});
    for (const auto* extra : {R"("crit":["exp"])",
                              R"("crit":[])",
                              R"("crit":["b64"],"b64":false)",
                              R"("b64":false)",
                              R"("b64":true)",
                              R"("zip":"DEF")",
                              R"("typ":"dpop+jwt")",
                              R"("typ":"application/dpop+jwt")",
                              R"("typ":"JWE")",
                              R"("typ":null)",
                              R"("typ":1)",
                              R"("typ":"")",
                              R"("kid":"k","kid":"k")",
                              R"("alg":"none")",
                              R"("kid":null)",
                              R"("kid":7)",
                              R"("kid":["k"])",
                              R"("kid":{"k":1})",
                              R"("kid":"")",
                              R"("kid":"\u0000")",
                              R"("kid":"\ud800")",
                              R"("x":1e999)",
                              R"("x":NaN)",
                              R"("x":01)",
                              R"("x":"\x")"})
        all.push_back({"header with "s + extra,
                       signer.token(R"({"alg":")" + algorithm + R"(",)" + extra + "}", payload)});
    all.push_back({"kid of 256 bytes", signer.token(R"({"alg":")" + algorithm + R"(","kid":")" +
                                                        std::string(256, 'k') + "\"}",
                                                    payload)});
    const auto with_jwk = R"({"alg":")" + algorithm + R"(","jwk":)" + stranger.jwk() + "}";
    all.push_back({"signed with the jwk it brings", stranger.token(with_jwk, payload)});
    all.push_back({"signed by a stranger", stranger.token(payload)});

    const auto header = signer.header();
    for (const auto& spoiled :
         {"\xef\xbb\xbf" + header, header + "\0"s, "\0"s + header, header + "x", header + header,
          "[" + header + "]", ""s, "{"s, "null"s, "\xff\xfe" + header,
          R"({"alg":")" + algorithm + R"(","x":)" + std::string(3000, '[') +
              std::string(3000, ']') + "}",
          R"({"alg":")" + algorithm + R"(","x":)" + std::string(33, '[') + std::string(33, ']') +
              "}",
          R"({'alg':')" + algorithm + "'}", "{\"alg\":\"" + algorithm + "\xc0\x80\"}"})
        all.push_back({"a header that is no good JSON", signer.token(spoiled, payload)});

    const auto sign_text = [&](const std::string& form) {
        return form + "." + base64url(signer.sign(form));
    };
    const auto h = base64url(header);
    for (const auto& form :
         {h + "=." + encoded_payload, h + "." + encoded_payload + "=",
          h + "." + encoded_payload + "==", " " + h + "." + encoded_payload,
          h + " ." + encoded_payload, h + "\n." + encoded_payload, h + ". " + encoded_payload,
          h + "." + encoded_payload + "\n", h + "." + encoded_payload + "\0"s,
          h + "." + encoded_payload + "+", h + "." + encoded_payload + "/",
          h + "." + encoded_payload + "%3D", h + "A." + encoded_payload + "A", h + "..",
          "." + encoded_payload, h, ""s})
        all.push_back({"another form: " + shown(form.substr(0, 20)), sign_text(form)});
    for (const auto& token : {text,
                              text + ".",
                              good + ".",
                              "." + good,
                              good + "=",
                              good + " ",
                              " " + good,
                              good + "\n",
                              good + "\0"s,
                              good + "." + signature,
                              good + "AA",
                              "Bearer " + good,
                              text + ".." + signature,
                              text + "." + signature.substr(4),
                              ""s,
                              "."s,
                              ".."s,
                              "..."s,
                              std::string(8193, '.'),
                              std::string(100'000, 'A'),
                              "\xef\xbb\xbf" + good,
                              text + "." + signature.substr(0, signature.size() - 1) + "*"})
        all.push_back({"as a whole: " + shown(token.substr(0, 20)), token});
    all.push_back({"more than 8 KiB", signer.token(std::string(8000, ' '))});
    all.push_back({"JSON serialization", json_text(R"({"payload":$,"protected":$,"signature":$})",
                                                   encoded_payload, h, signature)});
    return all;
}

}  // namespace

Test(jws, refuses_hostile_tokens) {
    std::size_t count = 0;
    for (const auto* name : public_algorithms) {
        const auto& signer = signer_of(name);
        const Signer stranger{name};
        const auto key = key_of(signer);
        cr_assert(verdict(key, signer.token("{}")) == "accepted");
        for (const auto& [what, token] : hostile_tokens(signer, stranger)) {
            ++count;
            cr_expect(verdict(key, token) != "accepted", "%s: %s", name, what.c_str());
            cr_expect(verdict(Key::from_secret(secret), token) != "accepted", "%s: %s", name,
                      what.c_str());
        }
    }
    cr_expect_geq(count, 250);
}

// They name a key, which is neither used nor fetched (RFC 7515, section 4.1).
Test(jws, ignores_headers_with_the_key_of_the_signer) {
    for (const auto* name : public_algorithms) {
        const auto& signer = signer_of(name);
        const Signer stranger{name};
        for (const auto& extra : {R"("jwk":)" + stranger.jwk(), R"("jwk":)" + signer.jwk(),
                                  R"("jwk":null)"s, R"("jku":"http://127.0.0.1:1/keys")"s,
                                  R"("x5u":"http://127.0.0.1:1/cert")"s, R"("x5c":["MII"])"s}) {
            const auto header = R"({"alg":")"s + name + R"(",)" + extra + "}";
            EXPECT_TEXT(verdict(key_of(signer), signer.token(header, "{}")), "accepted");
            EXPECT_TEXT(verdict(key_of(signer), stranger.token(header, "{}")), not_signed);
        }
    }
}

// Sets a bit of the last character that does not belong to any byte.
Test(jws, a_signature_is_written_in_one_way) {
    for (const auto* name : public_algorithms) {
        const auto& signer = signer_of(name);
        const auto token = signer.token("{}");
        constexpr std::string_view alphabet =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        auto other = token;
        other.back() = alphabet[alphabet.find(token.back()) | 1];
        // A signature of 132 bytes leaves no unused bits.
        if (other == token) continue;
        const auto reason = verdict(key_of(signer), other);
        cr_expect(reason == "signature: not canonical base64url" || reason == not_signed, "%s: %s",
                  name, reason.c_str());
    }
}
