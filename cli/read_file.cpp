#include "cli/read_file.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

std::string read_file(const std::string& path) {
    std::ifstream file{path};
    std::stringstream text;
    text << file.rdbuf();
    if (!file) throw std::runtime_error("cannot read " + path);
    return text.str();
}
