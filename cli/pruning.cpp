#include "cli/pruning.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <chrono>

#include "cli/layout.hpp"
#include "shared/config/setting_group.hpp"

namespace {

constexpr std::chrono::seconds first_pause{3};
constexpr std::chrono::hours between_two{1};

}  // namespace

void Pruning::begin() {
    process_.command = {own_executable(), "prune", "--log"};
    process_.environment = handler_environment(all_setting_groups());
    process_.is_active = true;
    process_.next_start = Clock::now() + first_pause;
}

std::optional<milliseconds> Pruning::until_due() const {
    if (!process_.is_active || is_running()) return std::nullopt;
    return std::max(std::chrono::ceil<milliseconds>(process_.next_start - Clock::now()),
                    milliseconds{0});
}

void Pruning::start_due() {
    if (until_due() != milliseconds{0}) return;
    process_.next_start = Clock::now() + between_two;
    start(process_, signal_mask_);
}

void Pruning::child_ended(pid_t pid, int status) {
    if (pid != process_.pid) return;
    process_.pid = 0;
    // It has logged its own failures.
    if (process_.is_active && WIFSIGNALED(status)) log_end(process_, pid, status);
}

void Pruning::stop() {
    process_.is_active = false;
    if (is_running()) ::kill(process_.pid, SIGTERM);
}

void Pruning::kill() const {
    if (is_running()) ::kill(process_.pid, SIGKILL);
}
