// The supervisor of a running service, and PID 1 of its container.
//
// It holds every listening socket, so that connections wait while a handler restarts; it starts
// nginx and WORKERS_<ENDPOINT> processes per handler, restarts handlers that die (at once, then
// with pauses of 50 ms to 5 s), and ends when nginx does. Everything it writes lies in RUN_DIR.
//
// SIGTERM, SIGINT: a clean stop within 9 s. SIGHUP: nginx reads its configuration again.
#pragma once

#include <string>

#include "shared/config.hpp"

// Serves until a signal. Returns the exit status: 0 after a clean stop.
int supervise(const Config& config, bool migrates);

// Asks the supervisor in RUN_DIR to replace the processes of one endpoint, and waits until it has
// started their successors; the old ones finish what they have begun.
int request_restart(const Config& config, const std::string& endpoint);
