#include "cli/workers.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "cli/restart.hpp"
#include "cli/run_dir.hpp"
#include "shared/log.hpp"
#include "shared/metrics/counters.hpp"

namespace {

constexpr milliseconds first_pause{50};
constexpr milliseconds longest_pause{5000};
constexpr milliseconds down_pause{800};     // after five deaths in a row
constexpr milliseconds stable_after{2000};  // a process that lived this long is in no crash loop
constexpr milliseconds longest_wait{60'000};

void close_waiting_connections(int socket) {
    for (pollfd waiting{socket, POLLIN, 0}; poll(&waiting, 1, 0) > 0;) {
        const int peer = accept4(socket, nullptr, nullptr, SOCK_CLOEXEC);
        if (peer < 0) return;
        close(peer);
    }
}

// Decides when a process that has died starts again.
void schedule_restart(Process& process) {
    const bool was_stable = Clock::now() - process.started >= stable_after;
    process.pause = was_stable || process.pause.count() == 0
                        ? first_pause
                        : std::min(process.pause * 2, longest_pause);
    // A single death costs no time: a killed process runs again within milliseconds.
    process.next_start = Clock::now() + (was_stable ? milliseconds{0} : process.pause);
}

void log_result(const std::string& endpoint, const RestartResult& result) {
    const std::string_view name{endpoint};
    if (!result.failure.empty())
        logging::warning("endpoint not replaced",
                         {{"name", name}, {"reason", std::string_view{result.failure}}});
    else if (result.was_running)
        logging::info("endpoint replaced", {{"name", name}});
    else
        logging::info("endpoint not replaced", {{"name", name}, {"reason", "it is not running"}});
}

}  // namespace

void Workers::add(const Config& config, const EndpointEntry& endpoint,
                  std::vector<std::string> command) {
    Process worker{.name = endpoint.name,
                   .command = std::move(command),
                   .environment = handler_environment(endpoint.settings),
                   .is_stream = endpoint.is_stream,
                   .is_active = config.prestart};
    worker.socket = listen_on(worker.name);
    processes_.insert(processes_.end(), worker_count(config, endpoint), worker);
}

void Workers::start_active() {
    for (auto& process : processes_)
        if (process.is_active) start(process, signal_mask_);
}

void Workers::watch(std::vector<pollfd>& descriptors) const {
    for (const auto& process : processes_)
        if (process.socket != descriptors.back().fd &&
            (!process.is_active || is_down(process.socket)))
            descriptors.push_back({process.socket, POLLIN, 0});
}

// True when no process of an endpoint is running because each died several times in a row.
bool Workers::is_down(int socket) const {
    if (replacement_ && replacement_->is_starting(socket)) return false;
    return std::all_of(processes_.begin(), processes_.end(), [&](const auto& process) {
        return process.socket != socket || (process.pid == 0 && process.pause >= down_pause);
    });
}

void Workers::start_due(const std::vector<pollfd>& descriptors) {
    for (const auto& descriptor : descriptors)
        if (descriptor.revents != 0) start_endpoint(descriptor.fd);
    refuse_connections();
    for (auto& process : processes_)
        if (process.is_active && process.pid == 0 && process.next_start <= Clock::now())
            start(process, signal_mask_);
}

void Workers::start_endpoint(int socket) {
    for (auto& process : processes_)
        if (!process.is_active && process.socket == socket) {
            process.is_active = true;
            start(process, signal_mask_);
        }
}

// nginx then answers 503 at once. Otherwise clients would wait until nginx gives up, and these
// requests would count against what they may have under way at other endpoints.
void Workers::refuse_connections() const {
    for (const auto& process : processes_)
        if (is_down(process.socket)) close_waiting_connections(process.socket);
}

milliseconds Workers::until_next_start() const {
    auto wait = longest_wait;
    for (const auto& process : processes_)
        if (process.pid == 0 && process.is_active)
            wait =
                std::min(wait, std::chrono::ceil<milliseconds>(process.next_start - Clock::now()));
    return std::max(wait, milliseconds{0});
}

void Workers::child_ended(pid_t pid, int status, bool starts_again) {
    if (replacement_) replacement_->child_ended(pid, status);
    for (auto& process : processes_) {
        if (process.pid != pid) continue;
        process.pid = 0;
        if (std::exchange(process.is_stopping, false)) {
            // nginx may still pass on a stream that it accepted before the stop: that connection
            // starts the endpoint again.
            process.is_active = false;
        } else if (starts_again) {
            metrics::count(metrics::endpoint_counters(process.name).restarts);
            log_end(process, pid, status);
            schedule_restart(process);
        }
    }
}

void Workers::begin_replacing() {
    if (replacement_) return;
    if (const auto endpoint = next_restart_request())
        replacement_.emplace(*endpoint, processes_, signal_mask_);
}

void Workers::go_on_replacing() {
    if (!replacement_ || replacement_->go_on()) return;
    const RestartResult result{replacement_->has_replaced(), replacement_->failure()};
    log_result(replacement_->endpoint(), result);
    answer_restart_request(replacement_->endpoint(), result);
    replacement_.reset();
    begin_replacing();
}

// nginx would wait for streams, and then cut them off. A process that has just started may not
// handle the signal yet and would die of it, so a waiting connection is accepted first. A process
// that is started during the stop is stopped as soon as it has accepted its connection.
void Workers::stop_streams() {
    for (auto& process : processes_) {
        if (process.pid == 0 || process.is_stopping || !process.is_stream) continue;
        pollfd waiting{process.socket, POLLIN, 0};
        if (poll(&waiting, 1, 0) > 0) continue;
        kill(process.pid, SIGTERM);
        process.is_stopping = true;
    }
}

void Workers::signal(int signal) const {
    for (const auto& process : processes_)
        if (process.pid != 0) kill(process.pid, signal);
    if (replacement_) replacement_->signal(signal);
}

bool Workers::are_running() const {
    return (replacement_ && replacement_->has_processes()) ||
           std::any_of(processes_.begin(), processes_.end(),
                       [](const auto& process) { return process.pid != 0; });
}
