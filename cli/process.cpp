#include "cli/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "shared/config/config.hpp"
#include "shared/config/setting.hpp"
#include "shared/log.hpp"
#include "shared/server/ready.hpp"

namespace {

constexpr int exit_cannot_run = 127;  // as in shells
constexpr milliseconds pause_after_failure{5000};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

template <class Choice>
std::vector<std::string> variables(Choice is_chosen) {
    std::vector<std::string> chosen;
    for (char** variable = environ; *variable; ++variable) {
        const std::string_view line{*variable};
        if (is_chosen(line.substr(0, line.find('=')))) chosen.emplace_back(line);
    }
    return chosen;
}

// In the child.
[[noreturn]] void become(const Process& process, pid_t parent, const sigset_t& signal_mask) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(EXIT_FAILURE);  // the parent died before prctl()
    sigprocmask(SIG_SETMASK, &signal_mask, nullptr);
    for (const int signal : {SIGPIPE, SIGTSTP})
        [[maybe_unused]] const auto ignored = std::signal(signal, SIG_DFL);
    if (process.socket >= 0) dup2(process.socket, STDIN_FILENO);
    auto environment = process.environment;
    if (process.ready >= 0) {
        fcntl(process.ready, F_SETFD, 0);
        environment.push_back(std::string{ready_variable} + "=" + std::to_string(process.ready));
    }
    const auto arguments = pointers_to(process.command);
    execve(arguments[0], arguments.data(), pointers_to(environment).data());
    const std::string message = "cannot start " + process.name + ": " + std::strerror(errno) + "\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, message.data(), message.size());
    _exit(exit_cannot_run);
}

}  // namespace

bool start(Process& process, const sigset_t& signal_mask) {
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) become(process, parent, signal_mask);
    if (pid < 0) {
        logging::error("could not start a process",
                       {{"name", std::string_view{process.name}},
                        {"reason", std::string_view{std::strerror(errno)}}});
        process.next_start = Clock::now() + pause_after_failure;
        return false;
    }
    setpgid(pid, pid);  // the child does it, too: the group exists before either goes on
    process.pid = pid;
    process.started = Clock::now();
    logging::info("process started", {{"name", std::string_view{process.name}}, {"pid", pid}});
    return true;
}

void log_end(const Process& process, pid_t pid, int status) {
    logging::warning("process ended",
                     {{"name", std::string_view{process.name}},
                      {"exit_status", WIFEXITED(status) ? WEXITSTATUS(status) : -1},
                      {"signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0},
                      {"pid", pid}});
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

std::vector<std::string> nginx_environment() {
    return variables([](std::string_view name) { return name == "PATH" || name == "TZ"; });
}

std::vector<std::string> handler_environment(const SettingGroups& settings) {
    auto environment = variables([&](std::string_view name) {
        const auto* const setting = find_setting(name);
        const bool is_read = !setting || settings.contains(setting->group);
        return is_read && !name.starts_with(workers_prefix) && name != ready_variable;
    });
    // A handler that answers many requests at once frees many blocks of the same size in a row.
    // glibc keeps 7 of them at hand; splitting and merging the others costs a tenth of a request.
    if (!std::getenv("GLIBC_TUNABLES"))
        environment.emplace_back("GLIBC_TUNABLES=glibc.malloc.tcache_count=100");
    return environment;
}
