// The supervisor of a running service, and PID 1 of its container.
//
// It holds every listening socket, so that connections wait while a handler starts. It starts
// nginx, and starts the WORKERS_<ENDPOINT> processes of a handler with the first connection to it
// (all at once with PRESTART=on). It restarts handlers that die: at once, then after pauses of 50
// ms to 5 s. After five deaths in a row, when no process of an endpoint is running, it closes the
// connections to that endpoint. It deletes old rows (cli/pruning.hpp). It ends when nginx does. It
// writes all its files in RUN_DIR.
//
// SIGTERM and SIGINT stop it cleanly within 9 s. SIGHUP makes nginx reload its configuration; if
// the terminal was closed, it stops the service cleanly instead. For SIGUSR1 see cli/restart.hpp.
#pragma once

#include "shared/config/config.hpp"

// Serves until a signal. Returns the exit status: 0 after a clean stop.
int supervise(const Config& config, bool migrates);
