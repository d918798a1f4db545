// The processes that the supervisor starts.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// What is kept running: a worker of an endpoint, or nginx.
struct Process {
    std::string name;
    std::vector<std::string> command;      // the first word is a path
    std::vector<std::string> environment;  // NAME=value
    int socket = -1;                       // becomes standard input; -1 for nginx
    int ready = -1;                        // shared/server/ready.hpp; -1: it is not asked
    bool is_endless = false;               // its answers go on until somebody ends them
    bool is_wanted = true;                 // false: not to be started before somebody connects
    bool is_told = false;                  // to stop, ahead of the other processes
    pid_t pid = 0;                         // 0: not running, due at `next_start` if wanted
    milliseconds pause{0};
    Clock::time_point started{};
    Clock::time_point next_start{};

    bool is_nginx() const { return socket < 0; }
};

// Starts it as a child that gets `signal_mask`, inherits `ready`, and gets SIGTERM when this
// process dies. Each child leads a process group, so that Ctrl-C reaches only this process. False
// when the system has no process left.
bool start(Process& process, const sigset_t& signal_mask);

// For this process and its children: no core dumps, no new privileges, and as many open files as
// the hard limit allows (at most 65,536).
void limit_resources();

// The variables of this process that a child needs: nginx none of the settings, and a handler not
// the developer's password.
std::vector<std::string> nginx_environment();
std::vector<std::string> handler_environment();
