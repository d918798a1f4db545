// RUN_DIR, the folder of a running service's sockets, rendered configuration and pid files.
// shared/run_dir.hpp defines who may own it.
#pragma once

#include <sys/types.h>

#include <string>

#include "shared/config/config.hpp"

// Claims RUN_DIR, makes its path absolute in `config` and in the environment, changes to it, and
// locks it until this process ends. Throws ConfigError when it does not belong to this service, and
// std::runtime_error when another supervisor has locked it.
void enter_run_dir(Config& config);

// The process that has locked RUN_DIR; 0 if there is none.
pid_t supervisor_of(const std::string& run_dir);

// The same. Throws std::runtime_error if there is none.
pid_t require_supervisor(const std::string& run_dir);

// Throws std::runtime_error when a supervisor has locked RUN_DIR.
void refuse_second(const std::string& run_dir);

// The group of SOCKET_GROUP. Throws ConfigError if there is none of that name, or if this user is
// not a member and may therefore give it no file.
gid_t socket_group(const Config& config);

// Lets the members of SOCKET_GROUP pass through the current folder to sockets/ and public/, and
// read the files in public/. They see nothing else, and write nowhere. Throws like socket_group(),
// and std::runtime_error.
void open_to_socket_group(const Config& config);

// Listens on sockets/<endpoint>.sock and returns the descriptor. The path is relative to the
// current folder, because an absolute one may be too long for a socket's address.
int listen_on(const std::string& endpoint);

// These functions replace an existing file and never follow a link. They throw std::runtime_error
// with the path when they fail, for example because a folder has the name of the file.

// Creates a file of mode 0600. For a moment it may be missing or incomplete.
void make_file(const std::string& path, const std::string& text);

// Does the same in one step, by renaming `path`.new.
void replace_file(const std::string& path, const std::string& text);

// Creates a symbolic link, in one step.
void replace_link(const std::string& target, const std::string& path);

// Creates a folder of mode 0700, unless this user has one there.
void make_folder(const std::string& path);
