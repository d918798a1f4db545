#include "shared/auth/api_keys.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "shared/auth/configured_limit.hpp"
#include "shared/auth/rate_limit.hpp"
#include "shared/digest.hpp"
#include "shared/log.hpp"

namespace {

constexpr std::size_t name_bytes = 16;

std::string name_of(const Digest& digest) { return hex(bytes_of(digest).substr(0, name_bytes)); }

struct AcceptedKeys {
    std::optional<std::vector<Digest>> digests;  // made by the first request
};

const std::vector<Digest>& accepted_keys(Context& context) {
    auto& digests = context.kept.get<AcceptedKeys>().digests;
    if (!digests) {
        digests.emplace();
        for (const auto& key : context.config.accepted_api_keys()) digests->push_back(sha256(key));
    }
    return *digests;
}

}  // namespace

std::string check_api_key(std::string_view key, std::string_view request_id, Context& context) {
    const auto digest = sha256(key);
    bool is_accepted = false;
    for (const auto& accepted : accepted_keys(context))
        is_accepted |= CRYPTO_memcmp(digest.data(), accepted.data(), digest.size()) == 0;
    auto name = name_of(digest);
    if (!is_accepted) {
        logging::debug("API key refused", {{"request_id", request_id}});
        throw ApiError{Error::invalid_api_key};
    }
    logging::debug("API key accepted",
                   {{"request_id", request_id},
                    {"key_id", std::string_view{name}.substr(0, shown_key_digits)}});
    return name;
}

bool accepts_key_named(std::string_view digits, Context& context) {
    const auto& accepted = accepted_keys(context);
    return std::any_of(accepted.begin(), accepted.end(),
                       [&](const auto& digest) { return name_of(digest).starts_with(digits); });
}

Async<> count_request(const Request& request, Context& context) {
    auto& [quota, limiter] = configured_limit<&Config::rate_limit>(context);
    const auto decision = co_await limiter->take("key:" + request.api_key(), quota);
    enforce(decision, quota, request);
}
