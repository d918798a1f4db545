// The limiter "redis://…": one Redis counts for all processes that use it, on any machine.
//
// A key is the string "steelthread:limit:" followed by the limiter's key. It holds the moment at
// which the key is paid off, in milliseconds of Redis' own clock, and expires at that moment. A
// script reads and moves it in one atomic step and one round trip, on the same condition as
// decide() and the table of rate_table.cpp: the tests of both limiters share their cases.
//
// A failing Redis costs little: no take() waits longer than the deadline, and within a second after
// a failure only one take() tries Redis again; all others are allowed. A failed connection is
// closed, and the next attempt opens another.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "shared/limits/rate_limit.hpp"
#include "shared/redis/connection.hpp"

// The maximum time of a take(), name resolution and connecting included.
inline constexpr std::chrono::milliseconds redis_deadline{200};

class RedisLimiter final : public RateLimiter {
public:
    // `pause` is the time between two attempts while Redis fails.
    explicit RedisLimiter(RedisUrl url, std::chrono::milliseconds deadline = redis_deadline,
                          std::chrono::milliseconds pause = std::chrono::seconds{1});

    Async<Decision> take(std::string key, Rate rate) override;
    Async<> give_back(std::string key, Rate rate) override;

private:
    // Moves the moment of a key by an interval; see the script. Returns the previous ahead_ms, or
    // nullopt if Redis fails.
    Async<std::optional<std::int64_t>> move(std::string key, std::int64_t interval_ms,
                                            std::int64_t most_ms);
    Async<std::int64_t> run_script(const std::string& key, std::int64_t interval_ms,
                                   std::int64_t most_ms);
    void note_failure(const std::string& reason);
    void note_success();

    const RedisUrl url_;
    const std::chrono::milliseconds deadline_;
    const std::chrono::milliseconds pause_;
    std::shared_ptr<RedisConnection> connection_;
    Clock::time_point next_attempt_;
    std::string failure_;  // the reason, while it fails
};
