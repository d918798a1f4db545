// RUN_DIR, where a running service keeps its sockets, its rendered configuration and its pid files.
// shared/run_dir.hpp says whose it is.
#pragma once

#include <sys/types.h>

#include <string>

#include "shared/config/config.hpp"

// Claims RUN_DIR, makes it absolute, in `config` and in the environment, and the current folder;
// locks it for as long as this process lives. Throws ConfigError where it is not this service's,
// std::runtime_error when another supervisor has it.
void enter_run_dir(Config& config);

// The process that holds the lock of RUN_DIR; 0 for none.
pid_t supervisor_of(const std::string& run_dir);

// Throws std::runtime_error when a supervisor has RUN_DIR.
void refuse_second(const std::string& run_dir);

// Listens on sockets/<endpoint>.sock in the current folder, whose own name may be too long for a
// socket's address.
int listen_on(const std::string& endpoint);

// These take the place of what was there and follow no link. They throw std::runtime_error, with
// the path, where they cannot: for a folder in the place of a file, say.

// A new file of mode 0600. It is not there for a moment, or incomplete.
void make_file(const std::string& path, const std::string& text);

// The same in one step, over `path`.new.
void replace_file(const std::string& path, const std::string& text);

// A symbolic link, in one step.
void replace_link(const std::string& target, const std::string& path);

// A folder of mode 0700; one of this user's may be there.
void make_folder(const std::string& path);
