// nginx's configuration: rendered from the templates in nginx/ with the settings.
#pragma once

#include <sys/resource.h>

#include <string>

#include "shared/config/config.hpp"

// The regular expression for a request id, without anchors: nginx and the OpenAPI document use it.
std::string request_id_pattern();

// Writes nginx.conf and the files it includes into the current folder, and publish()es. Throws
// std::runtime_error.
void render_nginx(const Config& config);

// Writes the files that nginx serves into public/ of the current folder. Each is replaced in one
// step, because nginx may serve it at the same time. Throws std::runtime_error.
void publish(const Config& config);

// The configuration for a block of an nginx of one's own: `block` is "http" or "server". Paths are
// absolute. `connections` is the number of its worker_connections, of which one network gets a
// part. Throws ConfigError if RUN_DIR must not be used or contains characters that have a meaning
// there.
std::string nginx_include(const Config& config, const std::string& block, rlim_t connections);
