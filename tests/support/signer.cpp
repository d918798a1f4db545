#include "tests/support/signer.hpp"

#include <criterion/criterion.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <vector>

#include "shared/json/fields.hpp"
#include "tests/support/database.hpp"

namespace {

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

bool is_elliptic(std::string_view algorithm) { return algorithm.starts_with("ES"); }

const char* curve_of(std::string_view algorithm) {
    return algorithm == "ES256" ? "P-256" : algorithm == "ES384" ? "P-384" : "P-521";
}

const EVP_MD* digest_of(std::string_view algorithm) {
    if (algorithm == "EdDSA") return nullptr;
    return algorithm.ends_with("512")   ? EVP_sha512()
           : algorithm.ends_with("384") ? EVP_sha384()
                                        : EVP_sha256();
}

std::string number(const EVP_PKEY* key, const char* name, int size = 0) {
    BIGNUM* value = nullptr;
    cr_assert_eq(EVP_PKEY_get_bn_param(key, name, &value), 1);
    std::string bytes(static_cast<std::size_t>(std::max(BN_num_bytes(value), size)), '\0');
    BN_bn2binpad(value, bytes_of(bytes), static_cast<int>(bytes.size()));
    BN_free(value);
    return base64url(bytes);
}

std::string members_of(const EVP_PKEY* key, const std::string& algorithm) {
    if (algorithm == "EdDSA") {
        std::string point(32, '\0');
        std::size_t size = point.size();
        cr_assert_eq(EVP_PKEY_get_raw_public_key(key, bytes_of(point), &size), 1);
        return R"("kty":"OKP","crv":"Ed25519","x":")" + base64url(point) + '"';
    }
    if (is_elliptic(algorithm)) {
        const int size = (EVP_PKEY_get_bits(key) + 7) / 8;
        return R"("kty":"EC","crv":")" + std::string{curve_of(algorithm)} + R"(","x":")" +
               number(key, OSSL_PKEY_PARAM_EC_PUB_X, size) + R"(","y":")" +
               number(key, OSSL_PKEY_PARAM_EC_PUB_Y, size) + '"';
    }
    return R"("kty":"RSA","n":")" + number(key, OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" +
           number(key, OSSL_PKEY_PARAM_RSA_E) + '"';
}

// Returns r and s, each in `size` bytes.
std::string joined(const std::string& der, int size) {
    const auto* at = bytes_of(std::string_view{der});
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    cr_assert_not_null(pair);
    std::string bytes(static_cast<std::size_t>(size) * 2, '\0');
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), bytes_of(bytes), size);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), bytes_of(bytes) + size, size);
    ECDSA_SIG_free(pair);
    return bytes;
}

EVP_PKEY* new_rsa_key(unsigned bits) {
    return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits));
}

// The processes of a run share their first RSA key, their second and so on, because generating one
// takes a third of a second. The keys are stored in TEST_DIR.
EVP_PKEY* rsa_key(unsigned bits) {
    static unsigned made = 0;
    const auto* const folder = std::getenv("TEST_DIR");
    if (folder == nullptr) return new_rsa_key(bits);
    const auto path =
        std::string{folder} + "/rsa_" + std::to_string(bits) + "_" + std::to_string(made++);
    EVP_PKEY* key = nullptr;
    if (auto* const file = std::fopen(path.c_str(), "r")) {
        key = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
        std::fclose(file);
        return key;
    }
    key = new_rsa_key(bits);
    const auto own_path = path + "_" + std::to_string(getpid());
    auto* const file = std::fopen(own_path.c_str(), "w");
    cr_assert_not_null(file);
    cr_assert_eq(PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr), 1);
    std::fclose(file);
    std::filesystem::rename(own_path, path);
    return key;
}

}  // namespace

std::string base64url(std::string_view bytes) {
    std::string text(bytes.size() / 3 * 4 + 5, '\0');
    const int size =
        EVP_EncodeBlock(bytes_of(text), bytes_of(bytes), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
    text.erase(std::find(text.begin(), text.end(), '='), text.end());
    return text;
}

std::string mac_of(std::string_view secret, std::string_view text) {
    std::string mac(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(text), text.size(),
         bytes_of(mac), &size);
    mac.resize(size);
    return mac;
}

std::string hmac_token(std::string_view header, std::string_view payload, std::string_view secret) {
    const auto text = base64url(header) + "." + base64url(payload);
    return text + "." + base64url(mac_of(secret, text));
}

std::string foreign_token(const std::string& user_id, const std::string& more) {
    const auto payload = R"({"iss":"https://issuer.test","sub":)" + json::write(user_id) +
                         R"(,"exp":)" + std::to_string(std::time(nullptr) + 3600) + more + "}";
    return hmac_token(R"({"alg":"HS256"})", payload, issuer_secret);
}

Signer::Signer(std::string algorithm, std::string key_id, unsigned bits)
    : algorithm_{std::move(algorithm)}, key_id_{std::move(key_id)} {
    EVP_PKEY* key = nullptr;
    if (algorithm_ == "EdDSA")
        key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    else if (is_elliptic(algorithm_))
        key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve_of(algorithm_));
    else
        key = rsa_key(bits);
    cr_assert_not_null(key);
    key_ = {key, EVP_PKEY_free};
    members_ = members_of(key, algorithm_);
}

std::string Signer::jwk(const std::string& more) const { return "{" + members_ + more + "}"; }

std::string Signer::jwk() const {
    return jwk(R"(,"alg":")" + algorithm_ + R"(","kid":")" + key_id_ + '"');
}

std::string Signer::pem() const {
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(out, key_.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(out, &data);
    std::string text{data, static_cast<std::size_t>(size)};
    BIO_free(out);
    return text;
}

std::string Signer::der() const {
    std::string bytes(static_cast<std::size_t>(i2d_PUBKEY(key_.get(), nullptr)), '\0');
    auto* at = bytes_of(bytes);
    i2d_PUBKEY(key_.get(), &at);
    return bytes;
}

std::string Signer::header() const {
    return R"({"alg":")" + algorithm_ + R"(","kid":")" + key_id_ + R"("})";
}

std::string Signer::sign_any(std::string_view text) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* options = nullptr;
    cr_assert_eq(EVP_DigestSignInit(context, &options, digest_of(algorithm_), nullptr, key_.get()),
                 1);
    if (algorithm_.starts_with("PS")) {
        EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
    }
    std::string signature(1100, '\0');
    std::size_t size = signature.size();
    cr_assert_eq(EVP_DigestSign(context, bytes_of(signature), &size, bytes_of(text), text.size()),
                 1);
    EVP_MD_CTX_free(context);
    signature.resize(size);
    return signature;
}

std::string Signer::sign(std::string_view text) const {
    if (!is_elliptic(algorithm_)) return sign_any(text);
    return joined(sign_any(text), (EVP_PKEY_get_bits(key_.get()) + 7) / 8);
}

std::string Signer::sign_der(std::string_view text) const { return sign_any(text); }

std::string Signer::raw_rsa(std::string_view block) const {
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key_.get(), nullptr);
    std::string result(block.size(), '\0');
    std::size_t size = result.size();
    EVP_PKEY_decrypt_init(context);
    EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING);
    cr_assert_eq(EVP_PKEY_decrypt(context, bytes_of(result), &size, bytes_of(block), block.size()),
                 1);
    EVP_PKEY_CTX_free(context);
    return result;
}

std::string Signer::token(std::string_view header, std::string_view payload) const {
    const auto text = base64url(header) + "." + base64url(payload);
    return text + "." + base64url(sign(text));
}

std::string set_of(std::initializer_list<std::string> jwks) {
    std::string text;
    for (const auto& jwk : jwks) text += (text.empty() ? "" : ",") + jwk;
    return R"({"keys":[)" + text + "]}";
}
