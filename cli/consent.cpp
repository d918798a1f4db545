#include "cli/consent.hpp"

#include <unistd.h>

#include <iostream>
#include <stdexcept>

void require_consent(const std::string& effect, bool is_given, const std::string& command) {
    if (is_given) return;
    if (!isatty(STDIN_FILENO)) throw std::runtime_error(effect + ": repeat with `" + command + "`");
    std::cerr << effect << ". Go on? [y/N] " << std::flush;
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != "y" && answer != "Y" && answer != "yes")
        throw std::runtime_error("nothing was changed");
}
