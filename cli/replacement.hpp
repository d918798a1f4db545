// Replaces the running processes of an endpoint, one after the other, without losing a request.
//
// A successor starts beside the old process and shares its listening socket. Only when it has said
// that it is ready (shared/server/ready.hpp) does the old process get SIGTERM: it then answers the
// requests it has accepted, and the successor accepts those that wait at the socket. A successor
// that fails costs nothing, because the old process is still serving.
#pragma once

#include <csignal>
#include <span>
#include <string>

#include "cli/process.hpp"

class Replacement {
public:
    // `processes` must outlive it. A successor starts with `signal_mask`.
    Replacement(std::string endpoint, std::span<Process> processes, const sigset_t& signal_mask);
    ~Replacement();
    Replacement(const Replacement&) = delete;
    Replacement& operator=(const Replacement&) = delete;

    // Does what is due. Returns false when it is over; failure() then says how it ended.
    bool go_on();

    // Must be called with the wait status of every child that has ended.
    void child_ended(pid_t pid, int status);

    // Sends a signal to its processes that are not in `processes`: the successor before it takes
    // over, and the old process after that.
    void signal(int signal) const;
    bool has_processes() const { return old_ != 0 || successor_.pid != 0; }

    // True while a successor starts that will accept from this socket.
    bool is_starting(int socket) const;

    const std::string& endpoint() const { return endpoint_; }
    // Whether a process has been replaced; when it is over, false means that none was running.
    bool has_replaced() const { return has_replaced_; }
    // Why processes were not replaced; empty when all were.
    const std::string& failure() const { return failure_; }

private:
    void start_successor();
    bool is_successor_ready() const;
    void give_up();
    void hand_over();
    void close_pipe();

    std::string endpoint_;
    std::span<Process> processes_;
    sigset_t signal_mask_;
    std::size_t next_ = 0;  // the process to replace next
    Process successor_{};
    int ready_pipe_ = -1;  // the successor writes to it when it is ready
    pid_t old_ = 0;        // has been replaced, and is stopping
    Clock::time_point old_stopped_{};
    bool has_replaced_ = false;
    std::string failure_;
};
