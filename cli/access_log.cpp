#include "cli/access_log.hpp"

#include <charconv>

#include "shared/metrics/counters.hpp"

namespace {

// As in nginx/http.conf. Nothing that a client sends stands before it in such a line; other lines
// of nginx may quote clients.
constexpr std::string_view begin = R"({"time":")";
constexpr std::string_view before_status = R"("endpoint":"nginx","status":)";

}  // namespace

bool count_response(std::string_view line) {
    const auto at = line.find(before_status);
    if (at == line.npos || !line.starts_with(begin)) return false;
    int status = 0;
    std::from_chars(line.data() + at + before_status.size(), line.data() + line.size(), status);
    if (status < 0 || status > metrics::highest_status) status = 0;
    metrics::count(metrics::counters().responses[static_cast<std::size_t>(status)]);
    return true;
}
