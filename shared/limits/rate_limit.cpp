#include "shared/limits/rate_limit.hpp"

#include <optional>

#include "shared/config/config.hpp"
#include "shared/error.hpp"
#include "shared/http/request.hpp"
#include "shared/limits/rate_table.hpp"
#include "shared/limits/redis_limiter.hpp"
#include "shared/log.hpp"

namespace {

std::int64_t seconds_of(std::int64_t milliseconds) { return (milliseconds + 999) / 1000; }

// Without its table it allows everything until the process restarts.
class MemoryLimiter final : public RateLimiter {
public:
    explicit MemoryLimiter(const Config& config) {
        try {
            table_.emplace(config.run_dir + "/" + rate_table_file);
        } catch (const std::exception& error) {
            logging::error("rate limiting is off", {{"reason", std::string_view{error.what()}}});
        }
    }

    Async<Decision> take(std::string key, Rate rate) override {
        if (!table_) co_return Decision{.limit = rate.limit, .remaining = rate.limit};
        co_return table_->take(key, rate, boot_time_ms());
    }

    Async<> give_back(std::string key, Rate rate) override {
        if (table_) table_->give_back(key, rate, boot_time_ms());
        co_return;
    }

private:
    std::optional<RateTable> table_;
};

}  // namespace

Decision decide(const Rate& rate, std::int64_t ahead_ms) {
    const auto [interval_ms, most_ms] = pace_of(rate);
    const auto next_ms = ahead_ms + interval_ms;
    Decision decision{.allowed = next_ms <= most_ms, .limit = rate.limit};
    if (decision.allowed) {
        decision.remaining = (most_ms - next_ms) / interval_ms;
        decision.reset_seconds = seconds_of(next_ms);
    } else {
        decision.reset_seconds = seconds_of(ahead_ms);
        decision.retry_after_seconds = seconds_of(next_ms - most_ms);
    }
    return decision;
}

std::unique_ptr<RateLimiter> open_rate_limiter(const Config& config) {
    if (config.redis_url) return std::make_unique<RedisLimiter>(*config.redis_url);
    return std::make_unique<MemoryLimiter>(config);
}

void enforce(const Decision& decision, const Rate& rate, const Request& request,
             metrics::Limit limit) {
    const auto most = std::to_string(decision.limit);
    const auto remaining = std::to_string(decision.remaining);
    const auto reset = std::to_string(decision.reset_seconds);
    request.add_header("RateLimit-Policy",
                       R"("default";q=)" + most + ";w=" + std::to_string(rate.window.count()));
    request.add_header("RateLimit", R"("default";r=)" + remaining + ";t=" + reset);
    request.add_header("X-RateLimit-Limit", most);
    request.add_header("X-RateLimit-Remaining", remaining);
    request.add_header("X-RateLimit-Reset", reset);
    if (decision.allowed) return;
    metrics::count(limit);
    request.add_header("Retry-After", std::to_string(decision.retry_after_seconds));
    throw ApiError{Error::rate_limited};
}
