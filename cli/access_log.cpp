#include "cli/access_log.hpp"

#include <charconv>

#include "shared/metrics/counters.hpp"

namespace {

constexpr std::size_t longest_line = 65'536;  // nginx's are shorter than 4,096 bytes

// As in nginx/http.conf. Nothing that a client sends stands before it.
constexpr std::string_view before_status = R"("endpoint":"nginx","status":)";

void count_response(std::string_view line) {
    const auto at = line.find(before_status);
    if (at == line.npos) return;
    int status = 0;
    std::from_chars(line.data() + at + before_status.size(), line.data() + line.size(), status);
    if (status < 0 || status > metrics::highest_status) status = 0;
    metrics::count(metrics::counters().responses[static_cast<std::size_t>(status)]);
}

}  // namespace

std::string AccessLog::take(std::string_view text) {
    text_ += text;
    std::size_t begin = 0;
    for (auto end = text_.find('\n'); end != text_.npos; end = text_.find('\n', begin)) {
        count_response(std::string_view{text_}.substr(begin, end - begin));
        begin = end + 1;
    }
    if (text_.size() - begin > longest_line) begin = text_.size();
    auto lines = text_.substr(0, begin);
    text_.erase(0, begin);
    return is_wanted_ ? lines : std::string{};
}
