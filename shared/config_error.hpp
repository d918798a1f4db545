// Settings with which the service cannot run; the process ends with exit_config.
#pragma once

#include <stdexcept>

// The message names every fault, one on each line.
class ConfigError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};
