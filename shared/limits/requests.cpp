#include "shared/limits/requests.hpp"

#include "shared/limits/caller.hpp"
#include "shared/limits/configured_limit.hpp"

Async<> count_request(const Request& request, Context& context) {
    auto& [rate, limiter] = configured_limit<&Config::rate_limit>(context);
    if (!rate) co_return;
    const auto decision = co_await limiter->take("key:" + request.api_key(), *rate);
    enforce(decision, *rate, request, metrics::Limit::requests);
}

Async<> count_write(const Request& request, Context& context) {
    auto& [rate, limiter] = configured_limit<&Config::user_rate_limit>(context);
    if (!rate) co_return;
    const auto decision =
        co_await limiter->take("writes of " + caller_of(request.identity()), *rate);
    enforce(decision, *rate, request, metrics::Limit::writes);
}
