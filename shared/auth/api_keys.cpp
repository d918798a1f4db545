#include "shared/auth/api_keys.hpp"

#include <openssl/crypto.h>

#include "shared/auth/refusals.hpp"
#include "shared/auth/token.hpp"
#include "shared/error.hpp"
#include "shared/text.hpp"

namespace {

constexpr std::size_t name_bytes = 16;

std::string name_of(const Digest& digest) { return hex(bytes_of(digest).substr(0, name_bytes)); }

}  // namespace

std::string ApiKeys::verify(std::string_view key, const logging::RequestIds& request) const {
    const auto digest = sha256(key);
    bool is_accepted = false;
    for (const auto& known : accepted())
        is_accepted |= CRYPTO_memcmp(digest.data(), known.data(), digest.size()) == 0;
    auto name = name_of(digest);
    if (!is_accepted) {
        refusals().log("API key refused", request, key.empty() ? "missing" : "unknown");
        throw ApiError{Error::invalid_api_key};
    }
    logging::write(logging::Level::debug, request, "API key accepted",
                   {{"key_id", std::string_view{name}.substr(0, shown_key_digits)}});
    return name;
}

std::optional<std::string> ApiKeys::find(std::string_view digits) const {
    for (const auto& digest : accepted())
        if (auto name = name_of(digest); name.starts_with(digits)) return name;
    return std::nullopt;
}

const std::vector<Digest>& ApiKeys::accepted() const {
    if (!digests_) {
        digests_.emplace();
        for (const auto& key : config_.api_keys) digests_->push_back(sha256(key));
    }
    return *digests_;
}
