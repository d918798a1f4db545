// nginx, as the supervisor runs it.
#pragma once

#include <string>
#include <vector>

#include "shared/config/config.hpp"

// Where the templates of nginx.conf and of the files it includes lie, and the documents that nginx
// serves. Throws std::runtime_error where they are not beside this executable.
std::string template_folder();

// Writes nginx.conf and the files it includes into the current folder, from the templates beside
// this executable. Throws std::runtime_error.
void render_nginx(const Config& config);

// The command that starts nginx in the foreground in the current folder. Throws std::runtime_error
// when it is not installed.
std::vector<std::string> nginx_command();

// http://HOST:PORT as a client on this machine would say it.
std::string base_url(const Config& config);

// Throws std::runtime_error when nothing can listen on HOST:PORT, and says why.
void check_port(const Config& config);

// Waits up to five seconds for the nginx of a supervisor that was killed: it ends a moment later
// and keeps the port until then. No supervisor may run in `run_dir`.
void wait_for_orphaned_nginx(const std::string& run_dir);

// True once nginx answers /livez.
bool nginx_answers(const Config& config);
