// The limits that settings define for endpoints.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>

#include "shared/context.hpp"
#include "shared/limits/rate_limit.hpp"
#include "shared/rate.hpp"

// A rate from the settings, and the limiter that counts it; no rate if the setting is `off`.
template <std::optional<Rate> Config::*setting>
struct ConfiguredLimit {
    std::optional<Rate> rate;
    std::shared_ptr<RateLimiter> limiter;
};

// This process's limiter, opened by the first request that is counted. Throws std::logic_error if
// the endpoint declares no limit, because its processes do not get these settings.
template <std::optional<Rate> Config::*setting>
ConfiguredLimit<setting>& configured_limit(Context& context) {
    auto& limit = context.state.get<ConfiguredLimit<setting>>();
    if (!limit.limiter) {
        if (!context.config.groups.contains(SettingGroup::limits))
            throw std::logic_error("the endpoint declares no limit");
        limit.rate = context.config.*setting;
        limit.limiter = open_rate_limiter(context.config);
    }
    return limit;
}
