// nginx's access log on its way through the supervisor, which counts the responses.
#pragma once

#include <string>
#include <string_view>

class AccessLog {
public:
    // `is_wanted`: the lines belong in the log.
    explicit AccessLog(bool is_wanted) : is_wanted_(is_wanted) {}

    // Takes what comes next, counts the status of each line that is complete
    // (metrics::Counters::responses), and returns these lines if they are wanted.
    std::string take(std::string_view text);

private:
    bool is_wanted_;
    std::string text_;  // the beginning of a line
};
