// Limits on how often something may be done, shared by all processes with the same RUN_DIR or the
// same Redis.
//
// The algorithm is GCRA (ITU-T I.371, annex A): each key has one number, the moment at which all of
// its permits are paid off. Each permit moves that moment ahead by window/limit, and is refused if
// that would move it further ahead than one window. So a key gets `limit` permits at once, and then
// one each window/limit.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "shared/async.hpp"
#include "shared/metrics/counters.hpp"
#include "shared/rate.hpp"

struct Config;
class Request;

struct Decision {
    bool allowed = true;
    std::int64_t limit = 0;
    std::int64_t remaining = 0;            // permits available now
    std::int64_t reset_seconds = 0;        // until all are available, rounded up
    std::int64_t retry_after_seconds = 0;  // until one is available, rounded up; 0 if allowed
};

// Decides on one permit for a key that is paid off in ahead_ms, which is not negative. The permit
// is granted if ahead_ms + interval_ms <= most_ms, and that sum is then the key's new ahead_ms.
Decision decide(const Rate& rate, std::int64_t ahead_ms);

class RateLimiter {
public:
    virtual ~RateLimiter() = default;

    // Takes one permit for a key, in one atomic step. If the store fails, this is logged and
    // everything is allowed.
    virtual Async<Decision> take(std::string key, Rate rate) = 0;

    // Gives back one permit that take() has granted for this key and rate.
    virtual Async<> give_back(std::string key, Rate rate) = 0;
};

// The limiter of REDIS_URL. "memory://" counts in RUN_DIR/rate_limits, see rate_table.hpp; other
// URLs count in Redis, see redis_limiter.hpp. All calls must come from one loop.
std::unique_ptr<RateLimiter> open_rate_limiter(const Config& config);

// Adds the headers RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers) and
// X-RateLimit-Limit, -Remaining and -Reset (seconds) to the answer. If the decision refuses, it
// also adds Retry-After, counts it as a refusal of `limit`, and throws ApiError (429).
void enforce(const Decision& decision, const Rate& rate, const Request& request,
             metrics::Limit limit);
