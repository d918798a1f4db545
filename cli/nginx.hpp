// nginx's process and its port.
#pragma once

#include <string>
#include <vector>

#include "shared/config/config.hpp"

// The command that starts nginx in the foreground in the current folder. Throws std::runtime_error
// when it is not installed.
std::vector<std::string> nginx_command();

// http://HOST:PORT, or https, as a client on this machine would write it.
std::string base_url(const Config& config);

// Throws std::runtime_error with the reason when nothing can listen on HOST:PORT, or on
// METRICS_LISTEN.
void check_ports(const Config& config);

// Waits up to five seconds for the nginx of a supervisor that was killed: it keeps the port until
// it ends, a moment later. No supervisor may run in `run_dir`.
void wait_for_orphaned_nginx(const std::string& run_dir);

// True once nginx answers /livez.
bool nginx_answers(const Config& config);
