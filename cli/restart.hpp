// How `steelthread restart ENDPOINT` asks the supervisor to replace an endpoint's processes.
//
// It creates restart/ENDPOINT in RUN_DIR, sends SIGUSR1, and waits until the file is gone. When
// the processes could not be replaced, restart/ENDPOINT.failed contains the reason; when none was
// running, there is a restart/ENDPOINT.idle.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>

// Asks the supervisor in a RUN_DIR, waits until it has replaced the processes
// (cli/replacement.hpp), and prints what was done: there is nothing to do for an endpoint that is
// not running. Returns the exit status: 1 when a new process ends before it is ready, or is not
// ready within 10 seconds; the old one then keeps serving. Throws std::runtime_error.
int request_restart(const std::string& run_dir, const std::string& endpoint, std::ostream& out);

// For the supervisor, whose current folder is RUN_DIR.

// The endpoint of a request, if there is one.
std::optional<std::string> next_restart_request();

// How a request ended. `failure` is empty unless processes were not replaced.
struct RestartResult {
    bool was_running = false;
    std::string failure;
};

// Removes the request and leaves the result for the command.
void answer_restart_request(const std::string& endpoint, const RestartResult& result);
