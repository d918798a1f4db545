// The supervisor of a running service, and PID 1 of its container.
//
// It holds every listening socket, so that connections wait while a handler starts; it starts
// nginx, and WORKERS_<ENDPOINT> processes of a handler with the first connection to it (all at
// once with PRESTART=on), restarts handlers that die (at once, then with pauses of 50 ms to 5 s),
// closes the connections to an endpoint of which nothing lives after five deaths in a row, and ends
// when nginx does. Everything it writes lies in RUN_DIR.
//
// SIGTERM, SIGINT: a clean stop within 9 s. SIGHUP: nginx reads its configuration again, unless it
// came from a terminal that was closed: then a clean stop. SIGUSR1: see request_restart().
#pragma once

#include <string>

#include "shared/config/config.hpp"

// Serves until a signal. Returns the exit status: 0 after a clean stop.
int supervise(const Config& config, bool migrates);

// Asks the supervisor in a RUN_DIR to replace the processes of one endpoint, one at a time and
// without losing a request, and waits until it has; there is nothing to do for one that has not
// started yet. A process is replaced when the new one says that it is ready
// (shared/server/ready.hpp). Returns the exit status: 1 when the new process ends before or is not
// ready within 10 seconds, and then the old one serves on. Throws std::runtime_error.
int request_restart(const std::string& run_dir, const std::string& endpoint);
