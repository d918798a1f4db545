#include "shared/auth/refusals.hpp"

void Refusals::log(std::string_view message, const logging::RequestIds& request,
                   std::string_view reason) {
    const auto now = now_();
    if (last_line_ && now - *last_line_ < std::chrono::seconds{1}) {
        ++left_out_;
        logging::write(logging::Level::debug, request, message, {{"reason", reason}});
        return;
    }
    logging::write(logging::Level::info, request, message,
                   {{"reason", reason}, {"left_out", left_out_}});
    last_line_ = now;
    left_out_ = 0;
}

Refusals& refusals() {
    static Refusals of_this_process;
    return of_this_process;
}
