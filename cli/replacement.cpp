#include "cli/replacement.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

namespace {

constexpr milliseconds longest_start{10'000};  // of a successor, until it is ready
constexpr milliseconds longest_drain{11'000};  // handlers give themselves 8 s

std::string describe(int status) {
    return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                               : "status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Replacement::Replacement(std::string endpoint, std::span<Process> processes,
                         const sigset_t& signal_mask)
    : endpoint_(std::move(endpoint)), processes_(processes), signal_mask_(signal_mask) {}

Replacement::~Replacement() { close_pipe(); }

bool Replacement::go_on() {
    if (old_ != 0) {
        if (Clock::now() - old_stopped_ > longest_drain) kill(old_, SIGKILL);
        return true;
    }
    if (successor_.pid != 0) {
        if (is_successor_ready())
            hand_over();
        else if (Clock::now() - successor_.started > longest_start)
            give_up();
        return true;
    }
    const bool is_first = next_ == 0;
    while (next_ < processes_.size() && processes_[next_].name != endpoint_) ++next_;
    const bool is_last = next_ == processes_.size();
    if (is_first && is_last)
        failure_ = "it was added after the service had started: restart the service";
    // A process that has not been started yet will run the new executable.
    if (!failure_.empty() || is_last || !processes_[next_].is_active) return false;
    start_successor();
    return true;
}

void Replacement::child_ended(pid_t pid, int status) {
    if (old_ == pid) old_ = 0;
    if (successor_.pid != pid) return;
    successor_.pid = 0;
    if (failure_.empty())
        failure_ = "its new process ended before it was ready (" + describe(status) +
                   "): the old one keeps serving";
}

void Replacement::signal(int signal) const {
    for (const pid_t pid : {old_, successor_.pid})
        if (pid != 0) kill(pid, signal);
}

bool Replacement::is_starting(int socket) const {
    return successor_.pid != 0 && successor_.socket == socket;
}

void Replacement::start_successor() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        failure_ = "the system has no pipe left";
        return;
    }
    close_pipe();
    ready_pipe_ = ends[0];
    successor_ = processes_[next_];
    successor_.pid = 0;
    successor_.ready = ends[1];
    if (!start(successor_, signal_mask_)) failure_ = "the system has no process left";
    close(std::exchange(successor_.ready, -1));
}

bool Replacement::is_successor_ready() const {
    char byte = 0;
    return read(ready_pipe_, &byte, 1) == 1;
}

void Replacement::give_up() {
    if (failure_.empty())
        failure_ =
            "its new process was not ready within 10 seconds and was killed: the old one keeps "
            "serving";
    kill(-successor_.pid, SIGKILL);  // the whole group: a child of it may be what hangs
}

void Replacement::hand_over() {
    auto& process = processes_[next_++];
    has_replaced_ = true;
    old_ = process.pid;
    old_stopped_ = Clock::now();
    process.pid = std::exchange(successor_.pid, 0);
    process.started = successor_.started;
    if (old_ != 0) kill(old_, SIGTERM);
}

void Replacement::close_pipe() {
    if (ready_pipe_ >= 0) close(std::exchange(ready_pipe_, -1));
}
