#include "shared/limits/attempts.hpp"

#include <arpa/inet.h>

#include <cstring>
#include <optional>

#include "shared/limits/configured_limit.hpp"
#include "shared/limits/rate_limit.hpp"
#include "shared/text.hpp"

Async<> count_attempt(const Request& request, Context& context, const std::string& email) {
    auto& [rate, limiter] = configured_limit<&Config::login_rate_limit>(context);
    if (!rate) co_return;
    std::optional<Decision> of_address;
    if (const auto network = client_network(request.remote_address()); !network.empty()) {
        of_address = co_await limiter->take("address:" + network, *rate);
        if (!of_address->allowed) enforce(*of_address, *rate, request);
    }
    const auto of_email = co_await limiter->take("email:" + email, *rate);
    const bool is_address_nearer =
        of_address && of_email.allowed && of_address->remaining < of_email.remaining;
    enforce(is_address_nearer ? *of_address : of_email, *rate, request);
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
