#include "shared/limits/attempts.hpp"

#include <arpa/inet.h>

#include <chrono>
#include <cstring>

#include "shared/auth/refusals.hpp"
#include "shared/digest.hpp"
#include "shared/error.hpp"
#include "shared/limits/configured_limit.hpp"
#include "shared/limits/rate_limit.hpp"
#include "shared/metrics/counters.hpp"
#include "shared/text.hpp"

namespace {

Rate ten_times(const Rate& rate) { return {rate.limit * 10, rate.window}; }
Rate daily(const Rate& rate) { return {rate.limit * 10, std::chrono::days{1}}; }

struct FailureKeys {
    std::string short_term;
    std::string daily;
};

FailureKeys keys_of(const Failures& failures) {
    const auto whose =
        (failures.network.empty() ? "" : failures.network + " ") + "email:" + failures.email;
    return {"failures:" + whose, "failures of a day:" + whose};
}

[[noreturn]] void refuse(const Request& request, const std::string& email,
                         const Decision& decision) {
    log_refused_login(request, email, "too many failures");
    metrics::count(metrics::Limit::attempts);
    throw ApiError{Error::rate_limited, std::chrono::seconds{decision.retry_after_seconds}};
}

}  // namespace

Async<> count_attempt(const Request& request, Context& context) {
    auto& [rate, limiter] = configured_limit<&Config::login_rate_limit>(context);
    const auto network = client_network(request.remote_address());
    if (!rate || network.empty()) co_return;
    const auto of_network = co_await limiter->take("address:" + network, *rate);
    const std::string site{client_site(network)};
    if (of_network.allowed && site != network) {
        const auto site_rate = ten_times(*rate);
        const auto of_site = co_await limiter->take("site:" + site, site_rate);
        if (!of_site.allowed) {
            refusals().log("login refused", request.log_ids(), "too many attempts of its /48");
            enforce(of_site, site_rate, request, metrics::Limit::attempts);
        }
    }
    if (!of_network.allowed)
        refusals().log("login refused", request.log_ids(), "too many attempts of its network");
    enforce(of_network, *rate, request, metrics::Limit::attempts);
}

Async<> count_failure(const Request& request, Context& context, const Failures& failures) {
    auto& [rate, limiter] = configured_limit<&Config::login_rate_limit>(context);
    if (!rate) co_return;
    const auto keys = keys_of(failures);
    const auto now = co_await limiter->take(keys.short_term, *rate);
    if (!now.allowed) refuse(request, failures.email, now);
    const auto today = co_await limiter->take(keys.daily, daily(*rate));
    if (today.allowed) co_return;
    co_await limiter->give_back(keys.short_term, *rate);
    refuse(request, failures.email, today);
}

Async<> forgive_failure(Context& context, const Failures& failures) {
    auto& [rate, limiter] = configured_limit<&Config::login_rate_limit>(context);
    if (!rate) co_return;
    const auto keys = keys_of(failures);
    co_await limiter->give_back(keys.short_term, *rate);
    co_await limiter->give_back(keys.daily, daily(*rate));
}

void log_refused_login(const Request& request, const std::string& email,
                       const std::string& reason) {
    const auto digest = sha256(email);
    constexpr std::size_t bytes = 8;
    const auto name = hex({reinterpret_cast<const char*>(digest.data()), bytes});
    refusals().log("login refused", request.log_ids(), reason + " (e-mail " + name + ")");
}

std::string client_network(std::string_view address) {
    const std::string text{address};
    unsigned char bytes[16];
    if (inet_pton(AF_INET, text.c_str(), bytes) == 1)
        return hex({reinterpret_cast<char*>(bytes), 4});
    if (inet_pton(AF_INET6, text.c_str(), bytes) != 1) return {};
    // An IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2).
    constexpr unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::memcmp(bytes, mapped, sizeof mapped) == 0)
        return hex({reinterpret_cast<char*>(bytes) + sizeof mapped, 4});
    return hex({reinterpret_cast<char*>(bytes), 8});
}

std::string_view client_site(std::string_view network) {
    constexpr std::size_t ipv6_digits = 16;
    constexpr std::size_t site_digits = 12;
    return network.size() == ipv6_digits ? network.substr(0, site_digits) : network;
}
