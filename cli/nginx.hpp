// nginx, as the supervisor runs it.
#pragma once

#include <string>

#include "shared/config.hpp"

// Writes nginx.conf and the files it includes into the current folder, from the templates beside
// this executable. Throws std::runtime_error.
void render_nginx(const Config& config);

// The command that starts nginx in the foreground in the current folder.
inline constexpr const char* nginx_command[] = {"nginx", "-e", "stderr",     "-p",
                                                "./",    "-c", "nginx.conf", nullptr};

// Says why nothing can listen on HOST:PORT; empty when it can.
std::string why_port_is_taken(const Config& config);

// True once nginx answers /livez.
bool nginx_answers(const Config& config);
