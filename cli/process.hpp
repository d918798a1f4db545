// The processes that the supervisor starts.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "shared/config/setting_group.hpp"

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A process that the supervisor keeps running: a worker of an endpoint, or nginx.
struct Process {
    std::string name;
    std::vector<std::string> command;      // the first word is a path
    std::vector<std::string> environment;  // NAME=value
    int socket = -1;                       // becomes standard input; -1 for nginx
    int ready = -1;                        // shared/server/ready.hpp; -1 if nothing reads it
    bool is_stream = false;                // its answers do not end by themselves
    bool is_active = true;                 // kept running; false before the first connection
    bool is_stopping = false;              // got SIGTERM ahead of the other processes
    pid_t pid = 0;                         // 0: not running, due at `next_start` if active
    milliseconds pause{0};
    Clock::time_point started{};
    Clock::time_point next_start{};
};

// Starts it as a child that has `signal_mask`, inherits `ready`, and gets SIGTERM when this process
// dies. Each child leads a process group, so that Ctrl-C reaches only this process. Returns false
// when the system has no process left: it is then logged, and due again in 5 s.
bool start(Process& process, const sigset_t& signal_mask);

// Logs that it has ended, and with which wait status.
void log_end(const Process& process, pid_t pid, int status);

// For this process and its children: no core dumps, no new privileges, and as many open files as
// the hard limit allows (at most 65,536).
void limit_resources();

// The variables of this process that a child gets. nginx gets none of the settings, and a handler
// those of `settings` beside all variables that are not settings, such as PGSSLROOTCERT. A handler
// also gets GLIBC_TUNABLES, even if this process does not have it.
std::vector<std::string> nginx_environment();
std::vector<std::string> handler_environment(const SettingGroups& settings);
