#include "shared/limits/redis_limiter.hpp"

#include <openssl/evp.h>

#include <boost/asio/this_coro.hpp>
#include <utility>

#include "shared/log.hpp"
#include "shared/text.hpp"

namespace {

constexpr const char* prefix = "steelthread:limit:";

// KEYS[1] is the key; ARGV holds interval_ms, most_ms and stray_ms, see rate_limit.hpp. Returns the
// previous ahead_ms. A negative interval gives a permit back. All numbers are integers far below
// 2^53.
constexpr const char* script = R"(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local interval, most, stray = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ahead = math.max((tonumber(redis.call('GET', KEYS[1])) or 0) - now, 0)
if ahead > most + stray then ahead = 0 end
local next = ahead + interval
if next <= 0 then
  redis.call('DEL', KEYS[1])
elseif next <= most then
  redis.call('SET', KEYS[1], string.format('%.0f', now + next), 'PX', string.format('%.0f', next))
end
return ahead
)";

// The name under which Redis caches the script.
const std::string& script_digest() {
    static const std::string digest = [] {
        const std::string_view text{script};
        unsigned char bytes[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        if (EVP_Digest(text.data(), text.size(), bytes, &size, EVP_sha1(), nullptr) != 1)
            throw RedisError{"SHA-1 is not available"};
        return hex({reinterpret_cast<const char*>(bytes), size});
    }();
    return digest;
}

}  // namespace

RedisLimiter::RedisLimiter(RedisUrl url, std::chrono::milliseconds deadline,
                           std::chrono::milliseconds pause)
    : url_(std::move(url)), deadline_(deadline), pause_(pause) {}

Async<Decision> RedisLimiter::take(std::string key, Rate rate) {
    const auto [interval_ms, most_ms] = pace_of(rate);
    const auto ahead_ms = co_await move(std::move(key), interval_ms, most_ms);
    if (!ahead_ms) co_return Decision{.limit = rate.limit, .remaining = rate.limit};
    co_return decide(rate, *ahead_ms);
}

Async<> RedisLimiter::give_back(std::string key, Rate rate) {
    const auto [interval_ms, most_ms] = pace_of(rate);
    co_await move(std::move(key), -interval_ms, most_ms);
}

Async<std::optional<std::int64_t>> RedisLimiter::move(std::string key, std::int64_t interval_ms,
                                                      std::int64_t most_ms) {
    if (!failure_.empty()) {
        const auto now = Clock::now();
        if (now < next_attempt_) co_return std::nullopt;
        next_attempt_ = now + pause_;
    }
    std::string reason;
    try {
        const auto ahead_ms = co_await run_script(key, interval_ms, most_ms);
        note_success();
        co_return ahead_ms;
    } catch (const std::exception& error) {
        reason = error.what();
    }
    note_failure(reason);
    co_return std::nullopt;
}

Async<std::int64_t> RedisLimiter::run_script(const std::string& key, std::int64_t interval_ms,
                                             std::int64_t most_ms) {
    const auto executor = co_await boost::asio::this_coro::executor;
    const auto latest = Clock::now() + deadline_;
    if (!connection_ || !connection_->is_usable())
        connection_ = std::make_shared<RedisConnection>(executor.context(), url_);
    const auto connection = connection_;
    std::vector<std::string> words{"EVALSHA",
                                   script_digest(),
                                   "1",
                                   prefix + key,
                                   std::to_string(interval_ms),
                                   std::to_string(most_ms),
                                   std::to_string(stray_ms)};
    auto reply = co_await connection->run(words, latest);
    if (reply.type == REDIS_REPLY_ERROR && reply.error_code() == "NOSCRIPT") {
        words[0] = "EVAL";
        words[1] = script;
        reply = co_await connection->run(words, latest);
    }
    // The script never returns more; more would overflow.
    const bool is_sound = reply.integer >= 0 && reply.integer <= most_ms + stray_ms;
    if (reply.type == REDIS_REPLY_INTEGER && is_sound) co_return reply.integer;
    if (connection_ == connection) connection_.reset();
    if (reply.type == REDIS_REPLY_ERROR) throw RedisError{"it answered " + reply.error_code()};
    throw RedisError{"unexpected reply"};
}

// Failures come in bursts: the log gets one line for each new reason.
void RedisLimiter::note_failure(const std::string& reason) {
    if (failure_.empty()) next_attempt_ = Clock::now() + pause_;
    if (std::exchange(failure_, reason) == reason) return;
    const auto place = url_.place();
    logging::error("rate limiting is off",
                   {{"redis", std::string_view{place}}, {"reason", std::string_view{reason}}});
}

void RedisLimiter::note_success() {
    if (std::exchange(failure_, {}).empty()) return;
    logging::info("rate limiting is on again");
}
