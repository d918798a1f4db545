#include "cli/supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>
#include <thread>

#include "cli/documents.hpp"
#include "cli/migrate.hpp"
#include "cli/nginx.hpp"
#include "shared/log.hpp"

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds first_pause{50};
constexpr milliseconds longest_pause{5000};
constexpr milliseconds stable_after{2000};  // a process that lived this long is not in a crash loop
constexpr milliseconds nginx_patience{5000};
constexpr milliseconds longest_stop{9000};

// What is kept running: a worker of an endpoint, or nginx.
struct Process {
    std::string name;
    fs::path executable;  // empty: nginx
    int socket = -1;
    pid_t pid = 0;  // 0: not running, due at `next_start`
    milliseconds pause{0};
    Clock::time_point started{};
    Clock::time_point next_start{};
};

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

int worker_count(const std::string& endpoint) {
    std::string name = "WORKERS_" + endpoint;
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const char* value = std::getenv(name.c_str());
    if (!value || !*value) return endpoint.starts_with("auth_") ? 2 : 1;
    const std::string_view text{value};
    int count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || end != text.data() + text.size() || count < 1 || count > 64)
        throw ConfigError(name + " must be a whole number from 1 to 64");
    return count;
}

// RUN_DIR is the current folder by now: sun_path is too short for long names.
int listen_on(const std::string& endpoint) {
    const auto path = "sockets/" + endpoint + ".sock";
    unlink(path.c_str());
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        throw std::runtime_error("the name of " + endpoint + " is too long for a socket");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail(path);
    if (chmod(path.c_str(), 0660) != 0 || listen(fd, 4096) != 0) fail(path);
    return fd;
}

void limit_resources() {
    rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, 65'536);
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

// In the child: becomes the process, with its socket as standard input. Ends when the supervisor
// dies.
[[noreturn]] void become(const Process& process, pid_t supervisor, const sigset_t& original_mask) {
    setpgid(0, 0);  // Ctrl-C is the supervisor's to handle
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != supervisor) _exit(EXIT_FAILURE);  // it died before prctl
    sigprocmask(SIG_SETMASK, &original_mask, nullptr);
    if (process.executable.empty()) {
        const char* path = std::getenv("PATH");
        setenv("PATH", (std::string{path ? path : "/usr/bin"} + ":/usr/sbin:/sbin").c_str(), 1);
        execvp(nginx_command[0], const_cast<char**>(nginx_command));
    } else {
        dup2(process.socket, STDIN_FILENO);
        const std::string path = process.executable.string();
        execl(path.c_str(), path.c_str(), nullptr);
    }
    const std::string message = "cannot start " + process.name + ": " + std::strerror(errno) + "\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, message.data(), message.size());
    _exit(127);
}

class Supervisor {
public:
    explicit Supervisor(Config config) : config_(std::move(config)) {}

    int run(bool migrates) {
        enter_run_dir();
        if (migrates) migrate_up(config_, std::cout);
        const auto reason = why_port_is_taken(config_);
        if (!reason.empty())
            throw std::runtime_error("cannot listen on " + config_.host + ":" +
                                     std::to_string(config_.port) + ": " + reason);
        limit_resources();
        render_nginx(config_);
        block_signals();
        prepare_processes();
        for (auto& process : processes_) start(process);
        while (!is_finished()) turn();
        fs::remove("supervisor.pid");
        return exit_status_;
    }

private:
    void enter_run_dir() {
        const auto folder = fs::absolute(config_.run_dir);
        fs::create_directories(folder);
        fs::permissions(folder, fs::perms::owner_all);
        fs::current_path(folder);
        setenv("RUN_DIR", folder.c_str(), 1);
        config_.run_dir = folder;
        fs::create_directories("sockets");
        fs::create_directories("temporary");
        fs::create_directories("restart");

        const int fd = open("supervisor.pid", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) fail("supervisor.pid");
        if (flock(fd, LOCK_EX | LOCK_NB) != 0)
            throw std::runtime_error("another steelthread runs in " + folder.string());
        const auto pid = std::to_string(getpid()) + "\n";
        if (ftruncate(fd, 0) != 0 || write(fd, pid.data(), pid.size()) < 0) fail("supervisor.pid");
    }

    void block_signals() {
        sigset_t mask;
        sigemptyset(&mask);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1})
            sigaddset(&mask, signal);
        sigprocmask(SIG_BLOCK, &mask, &original_mask_);
        signals_ = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signals_ < 0) fail("signalfd");
    }

    void prepare_processes() {
        processes_.push_back({.name = "nginx", .executable = {}});
        for (const auto& executable : handler_executables()) {
            const auto name = executable.filename().string();
            const int socket = listen_on(name);
            ++endpoint_count_;
            for (int i = 0; i < worker_count(name); ++i)
                processes_.push_back({.name = name, .executable = executable, .socket = socket});
        }
    }

    void start(Process& process) {
        const pid_t supervisor = getpid();
        const pid_t pid = fork();
        if (pid == 0) become(process, supervisor, original_mask_);
        if (pid < 0) {
            logging::error("fork failed", {{"name", std::string_view{process.name}}});
            process.next_start = Clock::now() + longest_pause;
            return;
        }
        process.pid = pid;
        process.started = Clock::now();
    }

    // Waits for a signal or the next thing that is due.
    void turn() {
        pollfd descriptor{signals_, POLLIN, 0};
        poll(&descriptor, 1, static_cast<int>(until_next_due().count()));
        signalfd_siginfo info{};
        while (read(signals_, &info, sizeof info) == sizeof info)
            handle(static_cast<int>(info.ssi_signo));
        reap();
        if (is_stopping_)
            go_on_stopping();
        else
            start_due();
        if (!is_ready_ && !is_stopping_) announce_when_ready();
    }

    milliseconds until_next_due() const {
        if (is_stopping_ || !is_ready_) return milliseconds{10};
        auto wait = milliseconds{60'000};
        for (const auto& process : processes_)
            if (process.pid == 0)
                wait = std::min(wait,
                                std::chrono::ceil<milliseconds>(process.next_start - Clock::now()));
        return std::max(wait, milliseconds{0});
    }

    void handle(int signal) {
        if (signal == SIGTERM || signal == SIGINT) stop(EXIT_SUCCESS);
        if (is_stopping_) return;  // nginx may have ended, and no successor would be told to stop
        if (signal == SIGHUP && !is_stopping_) reload_nginx();
        if (signal == SIGUSR1) replace_requested();
    }

    void reload_nginx() {
        try {
            render_nginx(config_);
        } catch (const std::exception& error) {
            logging::error("nginx keeps its configuration",
                           {{"reason", std::string_view{error.what()}}});
            return;
        }
        if (nginx().pid != 0) kill(nginx().pid, SIGHUP);
    }

    void reap() {
        int status = 0;
        for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
            std::erase(replaced_, pid);
            for (auto& process : processes_)
                if (process.pid == pid) ended(process, status);
        }
    }

    void ended(Process& process, int status) {
        // The workers of an nginx that was killed would keep the port.
        if (process.executable.empty()) kill(-process.pid, SIGKILL);
        process.pid = 0;
        if (is_stopping_) return;
        logging::warning("process ended",
                         {{"name", std::string_view{process.name}},
                          {"exit_status", WIFEXITED(status) ? WEXITSTATUS(status) : -1},
                          {"signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0}});
        if (process.executable.empty()) return stop(EXIT_FAILURE);
        const bool was_stable = Clock::now() - process.started >= stable_after;
        process.pause = was_stable || process.pause.count() == 0
                            ? first_pause
                            : std::min(process.pause * 2, longest_pause);
        // The first death costs no time: a killed process is back within milliseconds.
        process.next_start = Clock::now() + (was_stable ? milliseconds{0} : process.pause);
    }

    void start_due() {
        for (auto& process : processes_)
            if (process.pid == 0 && process.next_start <= Clock::now()) start(process);
    }

    // One after the other: the successor shares the socket, so whatever the old process no longer
    // accepts waits for it.
    void replace_requested() {
        for (const auto& request : fs::directory_iterator{"restart"}) {
            const auto name = request.path().filename().string();
            for (auto& process : processes_) {
                if (process.name != name || process.executable.empty() || process.pid == 0)
                    continue;
                const pid_t old = process.pid;
                start(process);
                replaced_.push_back(old);
                kill(old, SIGTERM);
            }
            fs::remove(request.path());
        }
    }

    void stop(int status) {
        if (is_stopping_) return;
        is_stopping_ = true;
        exit_status_ = status;
        stop_began_ = Clock::now();
        if (nginx().pid != 0) kill(nginx().pid, SIGQUIT);
    }

    // First nginx finishes what it has taken on, then the handlers.
    void go_on_stopping() {
        const auto waited = Clock::now() - stop_began_;
        if (waited > nginx_patience && nginx().pid != 0) kill(nginx().pid, SIGTERM);
        if (nginx().pid == 0 && !are_handlers_told_) {
            are_handlers_told_ = true;
            signal_handlers(SIGTERM);
        }
        if (waited > longest_stop) {
            logging::warning("killed what did not stop in time");
            if (nginx().pid != 0) kill(nginx().pid, SIGKILL);
            signal_handlers(SIGKILL);
        }
    }

    void signal_handlers(int signal) {
        for (const auto& process : processes_)
            if (process.pid != 0 && !process.executable.empty()) kill(process.pid, signal);
        for (const pid_t pid : replaced_) kill(pid, signal);
    }

    bool is_finished() const {
        return is_stopping_ && replaced_.empty() &&
               std::all_of(processes_.begin(), processes_.end(),
                           [](const auto& process) { return process.pid == 0; });
    }

    void announce_when_ready() {
        if (!nginx_answers(config_)) return;
        is_ready_ = true;
        const auto base = "http://" + (config_.host == "0.0.0.0" ? "127.0.0.1" : config_.host) +
                          ":" + std::to_string(config_.port);
        std::cout << "steelthread serves " << endpoint_count_ << " endpoints on " << base
                  << " from "
                  << (config_.sqlite_path() ? "SQLite (" + *config_.sqlite_path() + ")"
                                            : "PostgreSQL")
                  << "\n\n  curl " << base << "/healthz\n";
        if (config_.dev_user_email.empty())
            std::cout
                << "  set DEV_USER_EMAIL and DEV_USER_PASSWORD for an account to log in with\n";
        else
            std::cout << "  curl " << base << "/auth/login --json '{\"email\":\""
                      << config_.dev_user_email << "\",\"password\":\"…\"}'\n";
        std::cout << "\nCtrl-C stops it.\n" << std::flush;
    }

    Process& nginx() { return processes_.front(); }

    Config config_;
    std::vector<Process> processes_;
    std::vector<pid_t> replaced_;  // told to stop, their successors run already
    sigset_t original_mask_{};
    int signals_ = -1;
    int endpoint_count_ = 0;
    int exit_status_ = EXIT_SUCCESS;
    Clock::time_point stop_began_{};
    bool is_ready_ = false;
    bool is_stopping_ = false;
    bool are_handlers_told_ = false;
};

}  // namespace

int supervise(const Config& config, bool migrates) {
    logging::set_level(config.log_level);
    logging::set_endpoint("supervisor");
    return Supervisor{config}.run(migrates);
}

int request_restart(const Config& config, const std::string& endpoint) {
    const auto handlers = handler_executables();
    if (std::none_of(handlers.begin(), handlers.end(),
                     [&](const auto& path) { return path.filename() == endpoint; }))
        throw std::runtime_error("there is no endpoint " + endpoint);
    // The lock tells a supervisor from a process that has got its number since.
    const auto pid_file = fs::path{config.run_dir} / "supervisor.pid";
    const int lock = open(pid_file.c_str(), O_RDONLY | O_CLOEXEC);
    if (lock < 0 || flock(lock, LOCK_SH | LOCK_NB) == 0)
        throw std::runtime_error("no steelthread runs in " + config.run_dir);
    close(lock);
    pid_t pid = 0;
    std::ifstream{pid_file} >> pid;
    const auto request = fs::path{config.run_dir} / "restart" / endpoint;
    std::ofstream{request}.flush();
    kill(pid, SIGUSR1);
    const auto give_up = Clock::now() + longest_stop;
    while (fs::exists(request)) {
        if (Clock::now() > give_up) throw std::runtime_error("the supervisor does not answer");
        std::this_thread::sleep_for(milliseconds{10});
    }
    return EXIT_SUCCESS;
}
