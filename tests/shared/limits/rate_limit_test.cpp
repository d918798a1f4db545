#include "shared/limits/rate_limit.hpp"

#include <filesystem>
#include <fstream>

#include "shared/limits/attempts.hpp"
#include "shared/limits/rate_table.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

Async<> take(RateLimiter& limiter, std::string key, std::vector<Decision>& decisions) {
    const auto decision = co_await limiter.take(std::move(key), {3, 60s});
    decisions.push_back(decision);
}

std::vector<Decision> decisions_of(RateLimiter& limiter, const std::string& key, int attempts) {
    Loop loop{1};
    std::vector<Decision> decisions;
    for (int i = 0; i < attempts; ++i) spawn(loop, take(limiter, key, decisions), rethrow);
    loop.run();
    return decisions;
}

long allowed_of(RateLimiter& limiter, const std::string& key, int attempts) {
    const auto decisions = decisions_of(limiter, key, attempts);
    return std::count_if(decisions.begin(), decisions.end(),
                         [](const auto& decision) { return decision.allowed; });
}

// Returns the headers as "name: value" lines.
std::string headers_of(const Decision& decision, const Rate& rate, std::string& error) {
    const RawRequest raw;
    Headers headers;
    const Request request{raw, Method::post, {}, {}, &headers};
    error = refusal([&] { enforce(decision, rate, request, metrics::Limit::writes); });
    std::string text;
    for (const auto& [name, value] : headers)
        text.append(name).append(": ").append(value).append("\n");
    return text;
}

}  // namespace

Test(rate_limit, reads_rates) {
    static constexpr struct {
        const char* text;
        std::int64_t limit;
        std::int64_t seconds;
    } cases[] = {{"10/minute", 10, 60},
                 {"1/second", 1, 1},
                 {"1000/second", 1000, 1},
                 {"3/hour", 3, 3600},
                 {"86400000/day", 86'400'000, 86'400},
                 {"60000/minute", 60'000, 60}};
    for (const auto& [text, limit, seconds] : cases) {
        const auto rate = parse_rate(text);
        cr_assert(rate.has_value(), "%s", text);
        cr_expect_eq(rate->limit, limit, "%s", text);
        cr_expect_eq(rate->window.count(), seconds, "%s", text);
    }
    for (const char* text :
         {"",           "/",           "10",           "10/",          "/minute",
          "0/minute",   "-1/minute",   "+1/minute",    " 1/minute",    "1/minute ",
          "1 /minute",  "1/minutes",   "1/Minute",     "1/60",         "1.5/minute",
          "ten/minute", "1001/second", "60001/minute", "86400001/day", "99999999999999999999/day",
          "1/minute/1"})
        cr_expect_not(parse_rate(text).has_value(), "%s", text);
}

Test(rate_limit, counts_in_the_folder_of_the_run) {
    const auto config = test_config("sqlite:///unused.db");
    const auto one = open_rate_limiter(config);
    const auto other = open_rate_limiter(config);
    cr_expect_eq(allowed_of(*one, "ann", 2), 2);
    cr_expect_eq(allowed_of(*other, "ann", 5), 1);
    cr_expect(fs::exists(config.run_dir + "/" + rate_table_file));
}

Test(rate_limit, lets_everything_through_without_its_table_and_says_so_once) {
    auto config = test_config("sqlite:///unused.db");
    fs::create_directories(config.run_dir);
    std::ofstream{config.run_dir + "/" + rate_table_file} << "damaged";
    std::vector<Decision> decisions;
    const auto log = written_by([&] {
        const auto limiter = open_rate_limiter(config);
        decisions = decisions_of(*limiter, "ann", 20);
    });
    cr_assert_eq(decisions.size(), 20);
    for (const auto& decision : decisions)
        cr_expect(decision.allowed && decision.remaining == 3 && decision.limit == 3);
    cr_expect_eq(std::count(log.begin(), log.end(), '\n'), 1, "%s", log.c_str());
    cr_expect(log.find("rate limiting is off") != log.npos, "%s", log.c_str());
}

Test(rate_limit, tells_the_client_in_headers) {
    std::string error;
    EXPECT_TEXT(headers_of({.allowed = true, .limit = 10, .remaining = 9, .reset_seconds = 6},
                           {10, 60s}, error),
                "RateLimit-Policy: \"default\";q=10;w=60\n"
                "RateLimit: \"default\";r=9;t=6\n"
                "X-RateLimit-Limit: 10\n"
                "X-RateLimit-Remaining: 9\n"
                "X-RateLimit-Reset: 6\n");
    EXPECT_TEXT(error, "");
    EXPECT_TEXT(headers_of({.allowed = false,
                            .limit = 1,
                            .remaining = 0,
                            .reset_seconds = 3600,
                            .retry_after_seconds = 7},
                           {1, 3600s}, error),
                "RateLimit-Policy: \"default\";q=1;w=3600\n"
                "RateLimit: \"default\";r=0;t=3600\n"
                "X-RateLimit-Limit: 1\n"
                "X-RateLimit-Remaining: 0\n"
                "X-RateLimit-Reset: 3600\n"
                "Retry-After: 7\n");
    EXPECT_TEXT(error, "rate_limited");
}

Test(attempts, an_address_stands_for_its_network) {
    EXPECT_TEXT(client_network("192.0.2.1"), "c0000201");
    cr_expect(client_network("192.0.2.1") != client_network("192.0.2.2"));
    EXPECT_TEXT(client_network("::ffff:192.0.2.1"), client_network("192.0.2.1"));
    EXPECT_TEXT(client_network("2001:db8:1:2::1"), "20010db800010002");
    EXPECT_TEXT(client_network("2001:db8:1:2:ffff::9"), client_network("2001:db8:1:2::1"));
    cr_expect(client_network("2001:db8:1:3::1") != client_network("2001:db8:1:2::1"));
    for (const char* none : {"", "unix:", "localhost", "192.0.2", "192.0.2.1, 192.0.2.2",
                             "[2001:db8::1]", "192.0.2.1:80", "fe80::1%eth0"})
        EXPECT_TEXT(client_network(none), "");
    EXPECT_TEXT(std::string{client_site(client_network("2001:db8:1:2::1"))}, "20010db80001");
    EXPECT_TEXT(std::string{client_site(client_network("192.0.2.1"))}, "c0000201");
    EXPECT_TEXT(std::string{client_site("")}, "");
}
