#pragma once

#include <string>

// The whole text of a file. Throws std::runtime_error, with the path, when it cannot be read.
std::string read_file(const std::string& path);
