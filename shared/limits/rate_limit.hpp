// Limits on how often something may be done, shared by all processes that have one RUN_DIR, or one
// Redis.
//
// The algorithm is GCRA (ITU-T I.371, annex A): a key has one number, the moment at which all that
// it did is paid off. Each permit moves that moment on by window/limit, and none is given that
// would move it further ahead than one window: `limit` at once, and then one each window/limit.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "shared/async.hpp"
#include "shared/quota.hpp"

struct Config;
class Request;

struct Decision {
    bool allowed = true;
    std::int64_t limit = 0;
    std::int64_t remaining = 0;            // permits that could be taken at once
    std::int64_t reset_seconds = 0;        // until all of them could, rounded up
    std::int64_t retry_after_seconds = 0;  // until one could, rounded up; 0 when it was allowed
};

// The decision on one permit of a key that is paid off in ahead_ms, which is not negative. It is
// given when ahead_ms + interval_ms <= most_ms, and that sum is then the key's new ahead_ms.
Decision decide(const Quota& quota, std::int64_t ahead_ms);

class RateLimiter {
public:
    virtual ~RateLimiter() = default;

    // Takes one permit of a key, in one atomic step. A store that fails is logged and lets
    // everything through.
    virtual Async<Decision> take(std::string key, Quota quota) = 0;
};

// The limiter of REDIS_URL. "memory://" counts in RUN_DIR/rate_limits, see rate_table.hpp; anything
// else in Redis, see redis_limiter.hpp. One loop runs all that it is asked.
std::unique_ptr<RateLimiter> open_rate_limiter(const Config& config);

// Gives the answer the headers RateLimit-Policy and RateLimit
// (draft-ietf-httpapi-ratelimit-headers) and X-RateLimit-Limit, -Remaining and -Reset (seconds). A
// decision that refuses adds Retry-After and throws ApiError (429).
void enforce(const Decision& decision, const Quota& quota, const Request& request);
