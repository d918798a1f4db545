// Limits on how often something may be done, shared by all processes that have one RUN_DIR.
//
// The algorithm is GCRA (ITU-T I.371, annex A): a key has one number, the moment at which all that
// it did is paid off. Each permit moves that moment on by window/limit, and none is given that
// would move it further ahead than one window: `limit` at once, and then one each window/limit.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/async.hpp"

struct Config;
class Request;

struct Quota {
    std::int64_t limit = 0;  // permits
    std::chrono::seconds window{0};
};

// What LOGIN_RATE_LIMIT and RATE_LIMIT take: "10/minute", also second, hour or day; at most one
// each millisecond. Nullopt for anything else.
std::optional<Quota> parse_quota(std::string_view text);

struct Decision {
    bool allowed = true;
    std::int64_t limit = 0;
    std::int64_t remaining = 0;            // permits that could be taken at once
    std::int64_t reset_seconds = 0;        // until all of them could, rounded up
    std::int64_t retry_after_seconds = 0;  // until one could, rounded up; 0 when it was allowed
};

class RateLimiter {
public:
    virtual ~RateLimiter() = default;

    // Takes one permit of a key, in one atomic step. A store that fails is logged and lets
    // everything through. Never throws.
    virtual Async<Decision> take(std::string key, Quota quota) = 0;
};

// The limiter of REDIS_URL. "memory://" counts in RUN_DIR/rate_limits, see rate_table.hpp.
std::unique_ptr<RateLimiter> open_rate_limiter(const Config& config);

// Gives the answer the headers RateLimit-Policy and RateLimit
// (draft-ietf-httpapi-ratelimit-headers) and X-RateLimit-Limit, -Remaining and -Reset (seconds). A
// decision that refuses adds Retry-After and throws ApiError (429).
void enforce(const Decision& decision, const Quota& quota, const Request& request);
