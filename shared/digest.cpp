#include "shared/digest.hpp"

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>

#include "shared/text.hpp"

Digest sha256(std::string_view bytes) {
    // Cached, because the look-up of the algorithm takes longer than the digest of a token or a
    // task.
    thread_local const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm{
        EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free};
    thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{
        EVP_MD_CTX_new(), &EVP_MD_CTX_free};
    Digest digest{};
    unsigned size = 0;
    if (EVP_DigestInit_ex2(context.get(), algorithm.get(), nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1 || size != digest.size())
        throw std::runtime_error("OpenSSL failed to compute a SHA-256");
    return digest;
}

std::string entity_tag(std::string_view canonical_json) {
    return '"' + hex(bytes_of(sha256(canonical_json))) + '"';
}
