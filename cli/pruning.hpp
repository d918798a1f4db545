// The running service deletes what is too old: EVENTS_KEEP, JOBS_KEEP, and expired keys of
// requests.
#pragma once

#include <csignal>
#include <optional>

#include "cli/process.hpp"

// Runs `steelthread prune --log` as a process of its own, because the supervisor must not wait for
// the database: soon after the start, since a platform may stop the service within the hour, and
// then once an hour. Several copies of the service may delete the same rows at once. The process
// logs what it has deleted, or why it could not; then it is tried again an hour later.
class Pruning {
public:
    // Processes start with `signal_mask`, which must outlive this object.
    explicit Pruning(const sigset_t& signal_mask) : signal_mask_(signal_mask) {}

    // Begins: the service is ready.
    void begin();

    void start_due();
    std::optional<milliseconds> until_due() const;  // nullopt: nothing is waiting

    // Must be called with every child that has ended.
    void child_ended(pid_t pid, int status);

    // Nothing starts any more, and what runs is told to stop. It can be repeated at any time.
    void stop();
    void kill() const;
    bool is_running() const { return process_.pid != 0; }

private:
    const sigset_t& signal_mask_;
    Process process_{.name = "prune", .command = {}, .environment = {}, .is_active = false};
};
