// Why tokens, tickets and API keys are refused, in the log.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "shared/async.hpp"
#include "shared/log.hpp"

// Logs refusals at `info`, so that an issuer can be connected without LOG_LEVEL=debug, but at most
// one a second, so that an attack does not flood the log. The others are logged at `debug`, and
// the next line at `info` reports their number as "left_out".
class Refusals {
public:
    using Now = std::function<Clock::time_point()>;

    explicit Refusals(Now now = Clock::now) : now_{std::move(now)} {}

    // `message` says what was refused. `reason` must not quote it.
    void log(std::string_view message, const logging::RequestIds& request, std::string_view reason);

private:
    Now now_;
    std::optional<Clock::time_point> last_line_;  // at `info`
    std::int64_t left_out_ = 0;                   // since that line
};

// Those of this process.
Refusals& refusals();
