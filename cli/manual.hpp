// The manual pages and the completion of bash, made from the tables of commands and settings.
#pragma once

#include <iosfwd>
#include <span>

#include "cli/command.hpp"

// steelthread(1)
void print_manual_of_commands(std::span<const Command> commands, std::ostream& out);

// steelthread(5)
void print_manual_of_settings(std::ostream& out);

void print_completion(std::span<const Command> commands, std::ostream& out);
