#include "shared/auth/jws.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "shared/error.hpp"
#include "shared/json/reader.hpp"
#include "shared/text.hpp"

// The first row for a type and curve is that of keys without `alg`.
constexpr Key::Algorithm Key::algorithms[] = {
    {"HS256", "oct", "", 32, EVP_sha256, 0},
    {"EdDSA", "OKP", "Ed25519", 64, nullptr, 0},
    {"ES256", "EC", "P-256", 64, EVP_sha256, 0},
    {"ES384", "EC", "P-384", 96, EVP_sha384, 0},
    {"ES512", "EC", "P-521", 132, EVP_sha512, 0},
    {"RS256", "RSA", "", 0, EVP_sha256, RSA_PKCS1_PADDING},
    {"RS384", "RSA", "", 0, EVP_sha384, RSA_PKCS1_PADDING},
    {"RS512", "RSA", "", 0, EVP_sha512, RSA_PKCS1_PADDING},
    {"PS256", "RSA", "", 0, EVP_sha256, RSA_PKCS1_PSS_PADDING},
    {"PS384", "RSA", "", 0, EVP_sha384, RSA_PKCS1_PSS_PADDING},
    {"PS512", "RSA", "", 0, EVP_sha512, RSA_PKCS1_PSS_PADDING},
};

namespace {

constexpr int min_modulus_bits = 2048;
constexpr int max_modulus_bits = 4096;  // a longer modulus takes too long to check
constexpr int max_exponent_bits = 64;
constexpr std::size_t max_key_id_bytes = 255;

template <class T, void (*free)(T*)>
struct Free {
    void operator()(T* pointer) const { free(pointer); }
};
using Number = std::unique_ptr<BIGNUM, Free<BIGNUM, BN_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM, OSSL_PARAM_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX, EVP_MD_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG, ECDSA_SIG_free>>;
using PublicKey = std::shared_ptr<EVP_PKEY>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

// --- base64url (RFC 7515, section 2)

constexpr auto sextets = [] {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::array<signed char, 256> table{};
    table.fill(-1);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        table[static_cast<unsigned char>(alphabet[i])] = static_cast<signed char>(i);
    return table;
}();

// The fault of the text, or null. Each byte string has exactly one text: otherwise a second text of
// the same token would bypass every cache and block list of tokens.
const char* decode(std::string_view text, std::string& bytes) {
    bytes.resize(text.size() * 3 / 4);
    auto out = bytes.begin();
    std::uint32_t pending = 0;
    int bits = 0;
    for (const char c : text) {
        const auto sextet = sextets[static_cast<unsigned char>(c)];
        if (sextet < 0) return "not base64url";
        pending = pending << 6 | static_cast<std::uint32_t>(sextet);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        *out++ = static_cast<char>(pending >> bits & 0xff);
    }
    if (bits == 6) return "truncated";
    if ((pending & ((1u << bits) - 1)) != 0) return "not canonical base64url";
    return nullptr;
}

std::string decode_part(std::string_view text, std::string_view part) {
    std::string bytes;
    if (const char* fault = decode(text, bytes)) refuse_token(part, fault);
    return bytes;
}

// --- members of a JWK

std::string text_member(const rapidjson::Value& jwk, std::string_view name) {
    const auto* value = json::find(jwk, name);
    if (!value) return {};
    if (!value->IsString()) throw KeyError{std::string{name} + " is not a string"};
    return std::string{json::text_of(*value)};
}

std::string binary_member(const rapidjson::Value& jwk, std::string_view name) {
    std::string bytes;
    if (const char* fault = decode(text_member(jwk, name), bytes))
        throw KeyError{std::string{name} + " is " + fault};
    if (bytes.empty()) throw KeyError{std::string{name} + " is missing"};
    return bytes;
}

// A coordinate or key of exactly this size.
std::string binary_member(const rapidjson::Value& jwk, std::string_view name, std::size_t size) {
    auto bytes = binary_member(jwk, name);
    if (bytes.size() != size) throw KeyError{std::string{name} + " has another size"};
    return bytes;
}

// RFC 7517, sections 4.2 and 4.3.
void check_purpose(const rapidjson::Value& jwk) {
    if (json::find(jwk, "use") && text_member(jwk, "use") != "sig")
        throw KeyError{"use must be sig"};
    const auto* operations = json::find(jwk, "key_ops");
    const auto is_verify = [](const rapidjson::Value& operation) {
        return operation.IsString() && json::text_of(operation) == "verify";
    };
    if (operations &&
        (!operations->IsArray() || std::none_of(operations->Begin(), operations->End(), is_verify)))
        throw KeyError{"key_ops lacks verify"};
}

// --- public keys

Number number_of(std::string_view bytes) {
    Number number{BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr)};
    if (!number) throw std::bad_alloc{};
    return number;
}

PublicKey make_key(const char* type, OSSL_PARAM* parameters) {
    const KeyContext context{EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr)};
    EVP_PKEY* made = nullptr;
    if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
        ERR_clear_error();
        throw KeyError{"not a valid key of this type"};
    }
    return {made, EVP_PKEY_free};
}

void check_public_key(const PublicKey& key, const char* fault) {
    const KeyContext context{EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr)};
    if (context && EVP_PKEY_public_check(context.get()) == 1) return;
    ERR_clear_error();
    throw KeyError{fault};
}

// Checks that the modulus is not a prime, not a power, and has no factors below 752: anybody who
// can factor it has the private key.
PublicKey make_rsa_key(const BIGNUM* modulus, const BIGNUM* exponent) {
    const Builder builder{OSSL_PARAM_BLD_new()};
    if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
        throw std::bad_alloc{};
    const Parameters parameters{OSSL_PARAM_BLD_to_param(builder.get())};
    auto key = make_key("RSA", parameters.get());
    check_public_key(key, "RSA modulus is easy to factor");
    return key;
}

// `curve` is OpenSSL's name. Checks that the point is on the curve.
PublicKey make_elliptic_key(std::string curve, std::string point) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
        OSSL_PARAM_construct_end()};
    auto key = make_key("EC", parameters);
    check_public_key(key, "not a point on the curve");
    return key;
}

// The y coordinates of the eight points of Ed25519 whose order is 1, 2, 4 or 8, in hexadecimal and
// little-endian as RFC 8032 writes them (section 5.1.2), without the sign bit of x. Anybody can
// sign for such a key: a signature of zeros matches at least one text in eight.
constexpr std::string_view small_orders[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"};

// Makes two checks that OpenSSL does not make. `point` has 32 bytes.
void check_edwards_point(std::string_view point) {
    std::string y{point};
    y.back() = static_cast<char>(y.back() & 0x7f);
    // 2^255 - 19 and larger values stand for a y that also has a smaller form.
    const bool is_canonical = y.back() != '\x7f' || static_cast<unsigned char>(y.front()) < 0xed ||
                              y.find_first_not_of('\xff', 1) != y.size() - 1;
    if (!is_canonical) throw KeyError{"Ed25519 key is not in canonical form"};
    if (std::count(std::begin(small_orders), std::end(small_orders), hex(y)) > 0)
        throw KeyError{"Ed25519 key has small order"};
}

// Converts r and s, concatenated (RFC 7518, section 3.4), to OpenSSL's form; empty if one is 0.
std::string der_of(std::string_view signature) {
    const auto half = signature.size() / 2;
    auto r = number_of(signature.substr(0, half));
    auto s = number_of(signature.substr(half));
    if (BN_is_zero(r.get()) || BN_is_zero(s.get())) return {};
    const Signature pair{ECDSA_SIG_new()};
    if (!pair || ECDSA_SIG_set0(pair.get(), r.release(), s.release()) != 1) throw std::bad_alloc{};
    unsigned char* encoded = nullptr;
    const int size = i2d_ECDSA_SIG(pair.get(), &encoded);
    if (size <= 0) throw std::bad_alloc{};
    std::string der{reinterpret_cast<char*>(encoded), static_cast<std::size_t>(size)};
    OPENSSL_free(encoded);
    return der;
}

// PSS with MGF1 of the same hash and a salt of the hash's size (RFC 7518, section 3.5).
bool set_padding(EVP_PKEY_CTX* context, int padding, const EVP_MD* hash) {
    if (EVP_PKEY_CTX_set_rsa_padding(context, padding) != 1) return false;
    return padding != RSA_PKCS1_PSS_PADDING ||
           (EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1);
}

// --- headers

// `crit` names extensions that a recipient must understand, and this one supports none; `b64` and
// `zip` change the meaning of the payload.
constexpr std::string_view refused_headers[] = {"b64", "crit", "zip"};

// Media types whose "application/" may be left out (RFC 7515, section 4.1.9). Other types are
// refused, so that a token for another purpose does not pass (RFC 8725, section 3.11).
bool is_token_type(std::string_view type) {
    constexpr std::string_view prefix = "application/";
    if (ascii_iequals(type.substr(0, prefix.size()), prefix)) type.remove_prefix(prefix.size());
    return ascii_iequals(type, "JWT") || ascii_iequals(type, "at+jwt");
}

// Algorithms with two names go by the older one here.
std::string_view usual_name(std::string_view algorithm) {
    return algorithm == "Ed25519" ? "EdDSA" : algorithm;
}

}  // namespace

void refuse_token(std::string_view part, std::string_view reason) {
    throw TokenError{std::string{part}.append(": ").append(reason)};
}

rapidjson::Document parse_part(std::string_view json, std::string_view part) {
    try {
        auto document = json::parse(json);
        if (!document.IsObject()) refuse_token(part, "not an object");
        return document;
    } catch (const ApiError& error) {
        refuse_token(part, error.details().empty() ? "not JSON" : error.details().front().message);
    }
}

Jws split_jws(std::string_view token) {
    if (token.size() > max_token_bytes) refuse_token("token", "longer than 8 KiB");
    const auto first = token.find('.');
    const auto last = token.rfind('.');
    if (first == last || token.find('.', first + 1) != last)
        refuse_token("token", "not three parts");
    return {.signed_text = token.substr(0, last),
            .header = token.substr(0, first),
            .payload = token.substr(first + 1, last - first - 1),
            .signature = decode_part(token.substr(last + 1), "signature")};
}

JwsHeader read_header(const Jws& jws) {
    const auto header = parse_part(decode_part(jws.header, "header"), "header");
    const auto* algorithm = json::find(header, "alg");
    if (!algorithm || !algorithm->IsString()) refuse_token("header", "alg is missing");
    for (const auto name : refused_headers)
        if (json::find(header, name)) refuse_token("header", std::string{name} + " is not allowed");
    const auto* type = json::find(header, "typ");
    if (type && (!type->IsString() || !is_token_type(json::text_of(*type))))
        refuse_token("header", "typ must be JWT or at+jwt");
    const auto* key_id = json::find(header, "kid");
    if (key_id && (!key_id->IsString() || key_id->GetStringLength() == 0 ||
                   key_id->GetStringLength() > max_key_id_bytes))
        refuse_token("header", "kid must be a string of 1 to 255 bytes");
    return {.algorithm = std::string{usual_name(json::text_of(*algorithm))},
            .key_id = key_id ? std::string{json::text_of(*key_id)} : ""};
}

// OpenSSL's HMAC() looks the algorithm up at each call, which takes longer than the HMAC itself.
Key Key::from_secret(std::string_view secret) {
    if (secret.empty()) throw KeyError{"key is empty"};
    const std::unique_ptr<EVP_MAC, Free<EVP_MAC, EVP_MAC_free>> mac{
        EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr)};
    Key key{*find("HS256")};
    key.mac_ = {mac ? EVP_MAC_CTX_new(mac.get()) : nullptr, EVP_MAC_CTX_free};
    char digest[] = OSSL_DIGEST_NAME_SHA2_256;
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    if (!key.mac_ || EVP_MAC_init(key.mac_.get(), bytes_of(secret), secret.size(), parameters) != 1)
        throw std::runtime_error("OpenSSL does not provide HMAC-SHA-256");
    return key;
}

Key Key::from_jwk(const rapidjson::Value& jwk) {
    if (!jwk.IsObject()) throw KeyError{"not an object"};
    const auto type = text_member(jwk, "kty");
    if (type == "oct") throw KeyError{"secret key in a set of public keys"};
    check_purpose(jwk);
    if (json::find(jwk, "d")) throw KeyError{"private key is published"};
    if (type != "RSA" && type != "EC" && type != "OKP")
        throw KeyError{"kty must be RSA, EC or OKP"};
    Key key{algorithm_of(jwk, type)};
    if (type == "RSA") key.read_rsa(jwk);
    if (type == "EC") key.read_elliptic(jwk);
    if (type == "OKP") key.read_edwards(jwk);
    key.id_ = text_member(jwk, "kid");
    return key;
}

// The algorithm of a key is known from its type and curve, except that of an RSA key, which is for
// RS256 without `alg`, as nearly all are.
const Key::Algorithm& Key::algorithm_of(const rapidjson::Value& jwk, std::string_view type) {
    const auto curve = type == "RSA" ? std::string{} : text_member(jwk, "crv");
    const auto name = text_member(jwk, "alg");
    bool is_curve_known = false;
    for (const auto& row : algorithms) {
        if (row.type != type || row.curve != curve) continue;
        is_curve_known = true;
        if (!json::find(jwk, "alg") || row.name == usual_name(name)) return row;
    }
    throw KeyError{is_curve_known ? "alg does not match the key" : "crv is not supported"};
}

void Key::read_rsa(const rapidjson::Value& jwk) {
    const auto modulus = number_of(binary_member(jwk, "n"));
    const auto exponent = number_of(binary_member(jwk, "e"));
    const int bits = BN_num_bits(modulus.get());
    if (bits < min_modulus_bits) throw KeyError{"RSA key is shorter than 2048 bits"};
    if (bits > max_modulus_bits) throw KeyError{"RSA key is longer than 4096 bits"};
    // With an exponent of 1 every text would be its own signature.
    if (!BN_is_odd(modulus.get()) || !BN_is_odd(exponent.get()) || BN_is_one(exponent.get()) ||
        BN_num_bits(exponent.get()) > max_exponent_bits)
        throw KeyError{"not a valid RSA key"};
    verifier_ = make_rsa_key(modulus.get(), exponent.get());
    signature_bytes_ = static_cast<std::size_t>(BN_num_bytes(modulus.get()));
}

void Key::read_elliptic(const rapidjson::Value& jwk) {
    const auto size = signature_bytes_ / 2;
    const auto x = binary_member(jwk, "x", size);
    const auto y = binary_member(jwk, "y", size);
    // The uncompressed form of a point (SEC 1, section 2.3.3).
    verifier_ = make_elliptic_key(std::string{algorithm_->curve}, "\x04" + x + y);
}

void Key::read_edwards(const rapidjson::Value& jwk) {
    const auto point = binary_member(jwk, "x", 32);
    check_edwards_point(point);
    verifier_ = {
        EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, bytes_of(point), point.size()),
        EVP_PKEY_free};
    if (!verifier_) throw KeyError{"not a valid Ed25519 key"};
}

const Key::Algorithm* Key::find(std::string_view name) {
    const auto* const found = std::find_if(std::begin(algorithms), std::end(algorithms),
                                           [&](const auto& row) { return row.name == name; });
    return found == std::end(algorithms) ? nullptr : found;
}

bool Key::is_public(std::string_view algorithm) {
    const auto* const row = find(algorithm);
    return row && row->type != "oct";
}

bool Key::verifies(const Jws& jws) const {
    if (jws.signature.size() != signature_bytes_) return false;
    return mac_ ? has_made_mac(jws) : has_signed(jws);
}

// Initialising without a key resets the state to the prepared one.
bool Key::has_made_mac(const Jws& jws) const {
    std::array<unsigned char, 32> mac{};
    std::size_t size = 0;
    if (EVP_MAC_init(mac_.get(), nullptr, 0, nullptr) != 1 ||
        EVP_MAC_update(mac_.get(), bytes_of(jws.signed_text), jws.signed_text.size()) != 1 ||
        EVP_MAC_final(mac_.get(), mac.data(), &size, mac.size()) != 1 || size != mac.size())
        throw std::runtime_error("OpenSSL failed to compute an HMAC");
    return CRYPTO_memcmp(mac.data(), jws.signature.data(), mac.size()) == 0;
}

bool Key::has_signed(const Jws& jws) const {
    const bool is_elliptic = algorithm_->type == "EC";
    const auto der = is_elliptic ? der_of(jws.signature) : std::string{};
    if (is_elliptic && der.empty()) return false;
    const std::string_view signature = is_elliptic ? std::string_view{der} : jws.signature;
    const EVP_MD* hash = algorithm_->hash ? algorithm_->hash() : nullptr;
    const DigestContext context{EVP_MD_CTX_new()};
    EVP_PKEY_CTX* key_context = nullptr;  // belongs to `context`
    if (!context ||
        EVP_DigestVerifyInit(context.get(), &key_context, hash, nullptr, verifier_.get()) != 1 ||
        (algorithm_->padding != 0 && !set_padding(key_context, algorithm_->padding, hash)))
        throw std::runtime_error("OpenSSL cannot verify " + std::string{algorithm_->name});
    const bool is_good = EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(),
                                          bytes_of(jws.signed_text), jws.signed_text.size()) == 1;
    if (!is_good) ERR_clear_error();
    return is_good;
}

std::optional<std::string> open_jws(const Key& key, const Jws& jws) {
    // The signature is checked first, so that the parsers never see text from a stranger.
    if (!key.verifies(jws)) return std::nullopt;
    if (read_header(jws).algorithm != key.algorithm())
        refuse_token("header", "alg must be " + std::string{key.algorithm()});
    return decode_part(jws.payload, "payload");
}

std::string verify_jws(const Key& key, std::string_view token) {
    auto payload = open_jws(key, split_jws(token));
    if (!payload) refuse_token("signature", "made with another key");
    return std::move(*payload);
}
