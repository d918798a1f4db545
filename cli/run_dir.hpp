// RUN_DIR, where a running service keeps its sockets, its rendered configuration and its pid files.
#pragma once

#include <sys/types.h>

#include <string>

#include "shared/config.hpp"

// Makes RUN_DIR absolute, in `config` and in the environment, and the current folder; locks it for
// as long as this process lives. Throws std::runtime_error when another supervisor has it.
void enter_run_dir(Config& config);

// The process that holds the lock of RUN_DIR; 0 for none.
pid_t supervisor_of(const std::string& run_dir);

// Listens on sockets/<endpoint>.sock in the current folder, whose own name may be too long for a
// socket's address.
int listen_on(const std::string& endpoint);
