// Settings with which the service cannot run; the process exits with exit_config.
#pragma once

#include <stdexcept>

// The message lists every fault, one per line.
class ConfigError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};
