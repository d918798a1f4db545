// How `steelthread restart ENDPOINT` asks the supervisor to replace an endpoint's processes.
//
// It creates restart/ENDPOINT in RUN_DIR, sends SIGUSR1, and waits until the file is gone. When
// the processes could not be replaced, restart/ENDPOINT.failed contains the reason.
#pragma once

#include <optional>
#include <string>

// Asks the supervisor in a RUN_DIR and waits until it has replaced the processes
// (cli/replacement.hpp). There is nothing to do for an endpoint that has not started yet. Returns
// the exit status: 1 when a new process ends before it is ready, or is not ready within 10 seconds;
// the old one then keeps serving. Throws std::runtime_error.
int request_restart(const std::string& run_dir, const std::string& endpoint);

// For the supervisor, whose current folder is RUN_DIR.

// The endpoint of a request, if there is one.
std::optional<std::string> next_restart_request();

// Removes the request. `failure` is empty when the processes have been replaced.
void answer_restart_request(const std::string& endpoint, const std::string& failure);
