// nginx's configuration: rendered from the templates in nginx/ with the settings.
#pragma once

#include <string>

#include "shared/config/config.hpp"

// The folder of the templates and of the documents that nginx serves. Throws std::runtime_error
// when it is not beside this executable.
std::string template_folder();

// The regular expression for a request id, without anchors: nginx and the OpenAPI document use it.
std::string request_id_pattern();

// Writes nginx.conf and the files it includes into the current folder. Throws std::runtime_error.
void render_nginx(const Config& config);
