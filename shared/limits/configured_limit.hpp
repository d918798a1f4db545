// The limits that settings give to endpoints.
#pragma once

#include <memory>
#include <string>

#include "shared/context.hpp"
#include "shared/limits/rate_limit.hpp"
#include "shared/quota.hpp"

// What a setting ("10/minute") allows, and what counts it.
template <std::string Config::*setting>
struct ConfiguredLimit {
    Quota quota;
    std::shared_ptr<RateLimiter> limiter;
};

// That of this process, opened by the first request that is counted.
template <std::string Config::*setting>
ConfiguredLimit<setting>& configured_limit(Context& context) {
    auto& limit = context.state.get<ConfiguredLimit<setting>>();
    if (!limit.limiter) {
        limit.quota = parse_quota(context.config.*setting).value();
        limit.limiter = open_rate_limiter(context.config);
    }
    return limit;
}
