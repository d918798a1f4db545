#include "shared/limits/requests.hpp"

#include "shared/limits/configured_limit.hpp"

Async<> count_request(const Request& request, Context& context) {
    auto& [quota, limiter] = configured_limit<&Config::rate_limit>(context);
    const auto decision = co_await limiter->take("key:" + request.api_key(), quota);
    enforce(decision, quota, request);
}
