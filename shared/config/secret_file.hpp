// RUN_DIR/jwt_secret: the secret of all processes of a service without a JWT_SECRET.
#pragma once

#include <string>

#include "shared/config/secret.hpp"

// The secret in that file; empty if there is no file. Throws ConfigError for anything that only
// another user or a mistake can have left there.
Secret read_secret(const std::string& run_dir);
