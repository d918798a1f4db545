#include "shared/limits/redis_limiter.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <vector>

#include "tests/shared/limits/limit_cases.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/redis.hpp"

using namespace std::chrono_literals;

namespace {

constexpr Rate ten_a_minute{10, 60s};
constexpr Rate ten_a_day{10, 86'400s};
constexpr auto patient = 20s;  // for tests in which no deadline should pass
constexpr const char* all_left = "allowed 10 of 10, all in 0 s, one in 0 s";

std::string redis_key(const std::string& key) { return "steelthread:limit:" + key; }

// A limiter together with its loop.
class Limiter {
public:
    explicit Limiter(const std::string& url, std::chrono::milliseconds deadline = redis_deadline,
                     std::chrono::milliseconds pause = 1s)
        : limiter_(parse_redis_url(url).value(), deadline, pause) {}

    // Starts all takes at once.
    std::vector<Decision> take(const std::string& key, int attempts, const Rate& rate) {
        std::vector<Decision> decisions;
        for (int i = 0; i < attempts; ++i)
            spawn(loop_, keep(limiter_, key, rate, decisions), rethrow);
        loop_.restart();
        loop_.run();
        cr_assert_eq(decisions.size(), static_cast<std::size_t>(attempts));
        return decisions;
    }

    Decision take(const std::string& key, const Rate& rate = ten_a_minute) {
        return take(key, 1, rate).front();
    }

    void give_back(const std::string& key, const Rate& rate) {
        spawn(loop_, limiter_.give_back(key, rate), rethrow);
        loop_.restart();
        loop_.run();
    }

    int allowed_of(const std::string& key, int attempts, const Rate& rate) {
        const auto all = take(key, attempts, rate);
        return static_cast<int>(std::count_if(
            all.begin(), all.end(), [](const auto& decision) { return decision.allowed; }));
    }

private:
    static Async<> keep(RateLimiter& limiter, std::string key, Rate rate,
                        std::vector<Decision>& decisions) {
        const auto decision = co_await limiter.take(std::move(key), rate);
        decisions.push_back(decision);
    }

    Loop loop_{1};
    RedisLimiter limiter_;
};

// Moves what has happened so far into the past.
void let_pass(const RedisServer& redis, const std::string& key, std::int64_t time_ms) {
    redis.run({"DECRBY", redis_key(key), std::to_string(time_ms)});
}

std::chrono::milliseconds time_of(const std::function<void()>& work) {
    const auto before = Clock::now();
    work();
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - before);
}

int lines_of(const std::string& log) {
    return static_cast<int>(std::count(log.begin(), log.end(), '\n'));
}

// Fails the test unless a take is allowed within a second and the log gives the reason in one line.
void expect_let_through(const std::string& url, const std::string& reason) {
    Limiter limiter{url};
    Decision decision;
    const auto log = written_by([&] {
        cr_expect_lt(time_of([&] { decision = limiter.take("ann"); }).count(), 1000);
        // During the pause that follows, no take waits.
        for (int i = 0; i < 100; ++i) limiter.take("ann");
    });
    EXPECT_TEXT(text_of(decision), all_left);
    cr_expect_eq(lines_of(log), 1, "%s", log.c_str());
    cr_expect_neq(log.find(R"("reason":")" + reason + "\""), log.npos, "%s in %s", reason.c_str(),
                  log.c_str());
    cr_expect_eq(log.find("secret"), log.npos, "%s", log.c_str());
}

struct Race {
    std::atomic<int> ready;
    std::atomic<bool> has_begun;
    std::atomic<int> allowed;
};

}  // namespace

Test(redis_limiter, decides_as_every_limiter) {
    const RedisServer redis;
    Limiter limiter{redis.url(), patient};
    for (const auto& [later_ms, decision] : limit_cases) {
        let_pass(redis, "ann", later_ms);
        EXPECT_TEXT(text_of(limiter.take("ann")), decision);
    }
}

Test(redis_limiter, is_exact_for_odd_rates) {
    const RedisServer redis;
    Limiter limiter{redis.url(), patient};
    for (const auto& rate : odd_rates) {
        const auto key = std::to_string(rate.limit) + "/" + std::to_string(rate.window.count());
        const auto limit = static_cast<int>(rate.limit);
        cr_expect_eq(limiter.allowed_of(key, limit + 5, rate), limit, "%s", key.c_str());
    }
}

Test(redis_limiter, takes_permits_back) {
    const RedisServer redis;
    Limiter limiter{redis.url(), patient};
    limiter.give_back("ann", ten_a_day);
    cr_assert_eq(limiter.allowed_of("ann", 20, ten_a_day), 10);
    for (int i = 0; i < 3; ++i) limiter.give_back("ann", ten_a_day);
    cr_expect_eq(limiter.allowed_of("ann", 20, ten_a_day), 3);
    // No key ever has more than all of them.
    for (int i = 0; i < 15; ++i) limiter.give_back("ann", ten_a_day);
    EXPECT_TEXT(redis.run({"EXISTS", redis_key("ann")}), "0");
    cr_expect_eq(limiter.allowed_of("ann", 20, ten_a_day), 10);
}

Test(redis_limiter, counts_each_key_alone) {
    const RedisServer redis;
    Limiter limiter{redis.url(), patient};
    for (const char* key : {"email:ann", "email:bob", "address:ann", "", "a b\r\nc'\"\\"})
        cr_expect_eq(limiter.allowed_of(key, 12, ten_a_day), 10, "%s", key);
    cr_expect_eq(redis.run({"DBSIZE"}), "5");
}

Test(redis_limiter, a_key_vanishes_when_it_is_paid_off) {
    const RedisServer redis;
    Limiter limiter{redis.url(), patient};
    limiter.take("slow", 3, ten_a_minute);
    const int left_ms = std::stoi(redis.run({"PTTL", redis_key("slow")}));
    cr_expect(left_ms > 8'000 && left_ms <= 18'000, "%d", left_ms);
    limiter.take("fast", 1, {1, 1s});
    wait_until("it is gone", [&] { return redis.run({"EXISTS", redis_key("fast")}) == "0"; });
    cr_expect(limiter.take("fast", {1, 1s}).allowed);
}

Test(redis_limiter, a_moment_too_far_ahead_counts_for_nothing) {
    const RedisServer redis;
    Limiter limiter{redis.url(), patient};
    cr_assert_eq(limiter.allowed_of("ann", 20, ten_a_minute), 10);
    let_pass(redis, "ann", -59'000);
    cr_expect_eq(limiter.allowed_of("ann", 1, ten_a_minute), 0);
    let_pass(redis, "ann", -3'600'000);
    cr_expect_eq(limiter.allowed_of("ann", 20, ten_a_minute), 10);
}

Test(redis_limiter, limiters_of_one_redis_count_together_and_databases_apart) {
    const RedisServer redis{"a password"};
    const auto url = "redis://default:a%20password@127.0.0.1:" + std::to_string(redis.port());
    Limiter one{url, patient};
    Limiter other{url + "/0", patient};
    Limiter apart{url + "/3", patient};
    cr_expect_eq(one.allowed_of("ann", 4, ten_a_day), 4);
    cr_expect_eq(other.allowed_of("ann", 20, ten_a_day), 6);
    cr_expect_eq(apart.allowed_of("ann", 20, ten_a_day), 10);
    EXPECT_TEXT(redis.run({"DBSIZE"}, 3), "1");
}

Test(redis_limiter, racing_processes_get_the_limit_and_no_more, .timeout = 100) {
    constexpr int processes = 8;
    const RedisServer redis;
    void* const memory =
        mmap(nullptr, sizeof(Race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert(memory != MAP_FAILED);
    auto& race = *new (memory) Race{};
    std::vector<pid_t> pids;
    for (int i = 0; i < processes; ++i) {
        const pid_t pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
            Limiter limiter{redis.url(), patient};
            ++race.ready;
            while (!race.has_begun) sched_yield();
            race.allowed += limiter.allowed_of("ann", 40, {100, 86'400s});
            _exit(0);
        }
        pids.push_back(pid);
    }
    wait_until("all processes are ready", [&] { return race.ready == processes; });
    race.has_begun = true;
    for (const pid_t pid : pids) {
        int status = 0;
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
    }
    cr_expect_eq(race.allowed.load(), 100, "%d", race.allowed.load());
}

Test(redis_limiter, is_one_connection_and_one_round_trip) {
    const RedisServer redis;
    Limiter limiter{redis.url(), patient};
    limiter.take("ann", 50, ten_a_day);
    redis.run({"CONFIG", "RESETSTAT"});
    limiter.take("ann", 50, ten_a_day);
    limiter.take("ann");
    const auto stats = redis.run({"INFO", "all"});
    cr_expect_neq(stats.find("cmdstat_evalsha:calls=51,"), stats.npos, "%s", stats.c_str());
    cr_expect_eq(stats.find("cmdstat_eval:"), stats.npos);
    // This is the connection of the INFO command itself.
    cr_expect_neq(stats.find("total_connections_received:1\r"), stats.npos, "%s", stats.c_str());
}

Test(redis_limiter, brings_the_script_again_where_it_was_forgotten) {
    const RedisServer redis;
    Limiter limiter{redis.url(), patient};
    cr_expect_eq(limiter.allowed_of("ann", 5, ten_a_day), 5);
    EXPECT_TEXT(redis.run({"SCRIPT", "FLUSH"}), "OK");
    cr_expect_eq(limiter.allowed_of("ann", 20, ten_a_day), 5);
}

Test(redis_limiter, comes_back_after_redis_stood_still) {
    const RedisServer redis;
    Limiter limiter{redis.url()};
    cr_assert_eq(limiter.allowed_of("ann", 20, ten_a_day), 10);
    redis.pause();
    const auto log = written_by([&] {
        // All of them wait, but not longer than the deadline.
        const auto waited =
            time_of([&] { cr_expect_eq(limiter.allowed_of("ann", 50, ten_a_day), 50); });
        cr_expect(waited >= 190ms && waited < 1s, "%ld ms", static_cast<long>(waited.count()));
        // Takes during the pause do not wait.
        cr_expect_lt(time_of([&] { limiter.take("ann", 50, ten_a_day); }).count(), 150);
        std::this_thread::sleep_for(1s);
        // After the pause one take tries again.
        const auto tried = time_of([&] { limiter.take("ann", 50, ten_a_day); });
        cr_expect(tried >= 190ms && tried < 1s, "%ld ms", static_cast<long>(tried.count()));
        redis.resume();
        wait_until("limits are counted", [&] { return !limiter.take("ann", ten_a_day).allowed; });
    });
    cr_expect_eq(lines_of(log), 2, "%s", log.c_str());
    cr_expect_neq(log.find("no answer in time"), log.npos, "%s", log.c_str());
    cr_expect_neq(log.find("rate limiting is on again"), log.npos, "%s", log.c_str());
}

Test(redis_limiter, comes_back_after_redis_was_killed) {
    RedisServer redis;
    Limiter limiter{redis.url()};
    cr_assert_eq(limiter.allowed_of("ann", 20, ten_a_day), 10);
    redis.kill();
    const auto log = written_by([&] {
        for (int i = 0; i < 3; ++i) {
            cr_expect_lt(time_of([&] { limiter.take("ann", 50, ten_a_day); }).count(), 1000);
            EXPECT_TEXT(text_of(limiter.take("ann", ten_a_day)), all_left);
        }
    });
    cr_expect_eq(lines_of(log), 1, "%s", log.c_str());
    cr_expect_neq(log.find("Connection refused"), log.npos, "%s", log.c_str());
    redis.start();
    wait_until("limits are counted", [&] { return !limiter.take("ann", ten_a_day).allowed; });
}

// The connection was idle when Redis stopped, so the limiter reconnects and counts as usual.
Test(redis_limiter, sees_that_an_idle_connection_was_closed) {
    RedisServer redis;
    Limiter limiter{redis.url(), patient};
    const auto log = written_by([&] {
        for (int i = 0; i < 3; ++i) {
            cr_expect_eq(limiter.allowed_of("ann", 20, ten_a_day), 10);
            redis.kill();
            redis.start();
        }
    });
    EXPECT_TEXT(log, "");
}

Test(redis_limiter, lets_everything_through_where_redis_refuses) {
    const RedisServer redis{"secret"};
    const auto place = "127.0.0.1:" + std::to_string(redis.port());
    expect_let_through("redis://" + place, "it answered NOAUTH");
    expect_let_through("redis://:secret2@" + place, "the server refuses AUTH: WRONGPASS");
    expect_let_through("redis://secret:secret@" + place, "the server refuses AUTH: WRONGPASS");
    expect_let_through(redis.url() + "/999", "the server refuses SELECT: ERR");
    redis.run({"SET", redis_key("ann"), "no number"});
    redis.run({"CONFIG", "SET", "maxmemory", "1"});
    expect_let_through(redis.url(), "it answered OOM");
}

Test(redis_limiter, lets_everything_through_where_there_is_no_redis) {
    static constexpr struct {
        const char* answer;
        const char* reason;
    } cases[] = {
        {"", "the server closed the connection"},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", "unexpected reply"},
        {":-1\r\n", "unexpected reply"},
        {":9223372036854775807\r\n", "unexpected reply"},
        {"+OK\r\n", "unexpected reply"},
        {"$-1\r\n", "unexpected reply"},
        {"*1\r\n:0\r\n", "unexpected reply"},
        {"*2147483647\r\n", "unexpected reply"},
        {"$2000000000\r\nab", "no answer in time"},
        {":1", "no answer in time"},
        {"-ERR unknown command, with args beginning with: 'secret'\r\n", "it answered ERR"},
        {"-LOADING Redis is loading the dataset in memory\r\n", "it answered LOADING"},
        {"-secret\r\n", "it answered an error"},
    };
    for (const auto& [answer, reason] : cases) {
        const FakeRedis fake{answer};
        expect_let_through(fake.url(), reason);
    }
    const FakeRedis endless{"$2000000000\r\n" + std::string(100'000, 'x')};
    expect_let_through(endless.url(), "unexpected reply");
    expect_let_through("redis://name.invalid", "the host name cannot be resolved");
}

Test(redis_limiter, takes_no_reply_of_another_for_its_own) {
    // The second reply was not requested, so the connection is not used again.
    const FakeRedis fake{":60000\r\n:0\r\n"};
    Limiter limiter{fake.url(), patient};
    for (int i = 0; i < 3; ++i)
        EXPECT_TEXT(text_of(limiter.take("ann")), "refused 0 of 10, all in 60 s, one in 6 s");
}
