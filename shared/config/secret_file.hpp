// RUN_DIR/jwt_secret: one secret for all processes of a service that was given none.
#pragma once

#include <string>

#include "shared/config/secret.hpp"

// The secret of that file; empty before it is made. Throws ConfigError for anything that only
// another user or a mistake can have left there.
Secret kept_secret(const std::string& run_dir);
