// A command of `steelthread`, as the table in main.cpp declares it. Its usage, the manual page and
// the completion of shells are made from it.
#pragma once

#include <string_view>

#include "cli/arguments.hpp"

struct Command {
    std::string_view name;
    std::string_view
        arguments;  // "up|down [--yes]": choices, options, and names of values in capitals
    std::string_view summary;
    int (*run)(Arguments&);
    std::string_view details = {};  // further lines of its usage
};
