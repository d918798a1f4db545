#include "shared/auth/refusals.hpp"

#include "shared/log.hpp"

void Refusals::log(std::string_view message, std::string_view request_id, std::string_view reason) {
    const auto now = now_();
    if (last_line_ && now - *last_line_ < std::chrono::seconds{1}) {
        ++left_out_;
        logging::debug(message, {{"request_id", request_id}, {"reason", reason}});
        return;
    }
    logging::info(message,
                  {{"request_id", request_id}, {"reason", reason}, {"left_out", left_out_}});
    last_line_ = now;
    left_out_ = 0;
}

Refusals& refusals() {
    static Refusals of_this_process;
    return of_this_process;
}
