#include "cli/process.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "shared/config.hpp"

namespace {

constexpr int most_workers = 64;
constexpr int exit_cannot_run = 127;  // as shells have it

// In the child.
[[noreturn]] void become(const Process& process, pid_t parent, const sigset_t& signal_mask) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(EXIT_FAILURE);  // it died before prctl
    sigprocmask(SIG_SETMASK, &signal_mask, nullptr);
    [[maybe_unused]] const auto ignored = std::signal(SIGPIPE, SIG_DFL);
    if (process.socket >= 0) dup2(process.socket, STDIN_FILENO);
    std::vector<char*> arguments;
    for (const auto& word : process.command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    const std::string message = "cannot start " + process.name + ": " + std::strerror(errno) + "\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, message.data(), message.size());
    _exit(exit_cannot_run);
}

}  // namespace

bool start(Process& process, const sigset_t& signal_mask) {
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) become(process, parent, signal_mask);
    if (pid < 0) return false;
    setpgid(pid, pid);  // both do it: whoever is first, the group exists before it is signalled
    process.pid = pid;
    process.started = Clock::now();
    return true;
}

void limit_resources() {
    constexpr rlim_t most_files = 65'536;
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = std::max(files.rlim_cur, std::min(files.rlim_max, most_files));
    setrlimit(RLIMIT_NOFILE, &files);
}

int worker_count(const std::string& endpoint) {
    std::string name = "WORKERS_" + endpoint;
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const char* value = std::getenv(name.c_str());
    if (!value || !*value) return endpoint.starts_with("auth_") ? 2 : 1;
    const std::string_view text{value};
    int count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || end != text.data() + text.size() || count < 1 ||
        count > most_workers)
        throw ConfigError(name + " must be a whole number from 1 to " +
                          std::to_string(most_workers));
    return count;
}
