#include "cli/supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <system_error>
#include <thread>

#include "cli/checks.hpp"
#include "cli/endpoint_list.hpp"
#include "cli/handlers.hpp"
#include "cli/migrate.hpp"
#include "cli/nginx.hpp"
#include "cli/nginx_config.hpp"
#include "cli/process.hpp"
#include "cli/relay.hpp"
#include "cli/run_dir.hpp"
#include "shared/log.hpp"

namespace {

namespace fs = std::filesystem;

constexpr milliseconds first_pause{50};
constexpr milliseconds longest_pause{5000};
constexpr milliseconds hopeless_pause{800};  // after five deaths in a row
constexpr milliseconds stable_after{2000};  // a process that lived this long is not in a crash loop
constexpr milliseconds nginx_patience{5000};
constexpr milliseconds longest_stop{9000};
constexpr milliseconds longest_start{10'000};
constexpr milliseconds longest_question{2'000};  // whether nginx answers: longer is a standstill
constexpr milliseconds longest_birth{10'000};    // of a successor, until it says that it is ready
constexpr milliseconds longest_drain{11'000};    // handlers give themselves 8 s
constexpr milliseconds tick{10};

// `steelthread restart X` leaves a file restart/X, sends SIGUSR1, and waits until the file has
// gone; restart/X.failed says why that came to nothing.
const fs::path requests_folder = "restart";
constexpr const char* failed = ".failed";

bool has_terminal() {
    const int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

// An endpoint whose processes are being replaced, one after the other.
struct Replacement {
    std::string name;
    std::size_t next = 0;  // where in the list of processes to go on
    Process successor{};   // runs beside the process at `next` until it is ready
    int ready_pipe = -1;   // a pipe on which the successor says so
    pid_t old = 0;         // has been told to stop
    Clock::time_point told{};
    std::string failure = {};
};

class Supervisor {
public:
    explicit Supervisor(Config config) : config_(std::move(config)) {}

    int run(bool migrates) {
        open_standard_streams();
        // Whoever reads the log may go away.
        [[maybe_unused]] const auto previous = std::signal(SIGPIPE, SIG_IGN);
        check_start(config_, migrates);
        enter_run_dir(config_);
        ensure_secret(config_);
        limit_resources();
        prepare();
        if (migrates) bring_schema_up(config_, std::cout);
        std::cout.flush();
        Streams streams;
        block_signals();
        for (auto& process : processes_)
            if (process.is_wanted) launch(process);
        while (!is_finished()) turn(streams);
        return exit_status_;
    }

private:
    // A socket must not get the number of a standard stream that the parent had closed.
    static void open_standard_streams() {
        int fd = 0;
        do fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd > STDERR_FILENO) close(fd);
    }

    // Before anything starts; handlers that do not run are not found out.
    void prepare() {
        processes_.push_back(
            {.name = "nginx", .command = nginx_command(), .environment = nginx_environment()});
        const auto endpoints = read_endpoint_list();
        for (const auto& executable : handler_executables()) {
            const auto name = executable.filename().string();
            const auto endpoint =
                std::find_if(endpoints.begin(), endpoints.end(),
                             [&](const auto& entry) { return entry.name == name; });
            if (endpoint == endpoints.end()) {
                logging::warning("nginx has no route to this endpoint: run `make generate`",
                                 {{"name", std::string_view{name}}});
                continue;
            }
            add_workers(executable.string(), *endpoint);
        }
        render_nginx(config_);
        if (config_.demo_mode)
            logging::warning("DEMO_MODE is on: anyone may write without a token");
    }

    void add_workers(const std::string& executable, const EndpointEntry& endpoint) {
        Process worker{.name = endpoint.name,
                       .command = {executable},
                       .environment = handler_environment(),
                       .is_endless = endpoint.is_stream,
                       .is_wanted = config_.prestart};
        worker.socket = listen_on(worker.name);
        processes_.insert(processes_.end(), worker_count(config_, endpoint), worker);
        ++endpoint_count_;
    }

    void block_signals() {
        sigset_t mask;
        sigemptyset(&mask);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1})
            sigaddset(&mask, signal);
        // Ignored, it would leave nothing to wait for.
        [[maybe_unused]] const auto previous = std::signal(SIGCHLD, SIG_DFL);
        sigprocmask(SIG_BLOCK, &mask, &original_mask_);
        signals_ = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signals_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
    }

    void launch(Process& process) {
        if (start(process, original_mask_)) return;
        logging::error("fork failed", {{"name", std::string_view{process.name}}});
        process.next_start = Clock::now() + longest_pause;
    }

    // Waits for a signal, for the log, for whoever connects first, or for the next thing that is
    // due.
    void turn(Streams& streams) {
        std::vector<pollfd> descriptors{{signals_, POLLIN, 0}};
        streams.errors.watch(descriptors);
        streams.output.watch(descriptors);
        watch_sockets(descriptors);
        poll(descriptors.data(), descriptors.size(), static_cast<int>(until_next_due().count()));
        streams.errors.forward();
        streams.output.forward();
        signalfd_siginfo info{};
        while (read(signals_, &info, sizeof info) == sizeof info)
            handle(static_cast<int>(info.ssi_signo));
        reap();
        if (is_stopping_) go_on_stopping();
        start_wanted(descriptors);
        turn_away();
        start_due();
        if (is_stopping_) return;
        go_on_replacing();
        if (!is_ready_) announce_when_ready();
    }

    // Of the endpoints that nobody has connected to yet, or that do not live. What nginx took on
    // before a stop is answered, too; once nginx has ended, nobody waits for an answer.
    void watch_sockets(std::vector<pollfd>& descriptors) const {
        if (are_handlers_told_) return;
        for (const auto& process : processes_)
            if (!process.is_nginx() && process.socket != descriptors.back().fd &&
                (!process.is_wanted || is_hopeless(process.socket)))
                descriptors.push_back({process.socket, POLLIN, 0});
    }

    // An endpoint none of whose processes lives, for they died at once several times in a row.
    bool is_hopeless(int socket) const {
        if (replacement_ && replacement_->successor.pid != 0 &&
            replacement_->successor.socket == socket)
            return false;
        return std::all_of(processes_.begin(), processes_.end(), [&](const auto& process) {
            return process.socket != socket ||
                   (process.pid == 0 && process.pause >= hopeless_pause);
        });
    }

    // Whoever asks for an endpoint that is hopeless hears so at once: nginx answers 503. They would
    // wait until nginx gives up, and have that much less to ask of the others.
    void turn_away() const {
        if (are_handlers_told_) return;
        for (const auto& process : processes_)
            if (!process.is_nginx() && is_hopeless(process.socket)) close_waiting(process.socket);
    }

    static void close_waiting(int socket) {
        for (pollfd waiting{socket, POLLIN, 0}; poll(&waiting, 1, 0) > 0;) {
            const int peer = accept4(socket, nullptr, nullptr, SOCK_CLOEXEC);
            if (peer < 0) return;
            close(peer);
        }
    }

    void start_wanted(const std::vector<pollfd>& descriptors) {
        if (are_handlers_told_) return;
        for (const auto& descriptor : descriptors)
            if (descriptor.revents != 0) start_endpoint(descriptor.fd);
    }

    void start_endpoint(int socket) {
        for (auto& process : processes_)
            if (!process.is_wanted && process.socket == socket) {
                process.is_wanted = true;
                launch(process);
            }
    }

    milliseconds until_next_due() const {
        if (is_stopping_ || !is_ready_ || replacement_) return tick;
        auto wait = milliseconds{60'000};
        for (const auto& process : processes_)
            if (process.pid == 0 && process.is_wanted)
                wait = std::min(wait,
                                std::chrono::ceil<milliseconds>(process.next_start - Clock::now()));
        return std::max(wait, milliseconds{0});
    }

    void handle(int signal) {
        if (signal == SIGTERM || signal == SIGINT) stop(EXIT_SUCCESS);
        // A terminal that is closed sends SIGHUP as well.
        if (signal == SIGHUP && had_terminal_ && !has_terminal()) stop(EXIT_SUCCESS);
        if (signal == SIGHUP && !is_stopping_) reload_nginx();
        if (signal == SIGUSR1 && !is_stopping_) begin_replacing();
    }

    void reload_nginx() {
        try {
            render_nginx(config_);
            if (nginx().pid != 0) kill(nginx().pid, SIGHUP);
        } catch (const std::exception& error) {
            logging::error("nginx keeps its configuration",
                           {{"reason", std::string_view{error.what()}}});
        }
    }

    static std::string how_it_ended(int status) {
        return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                   : "status " + std::to_string(WEXITSTATUS(status));
    }

    void reap() {
        int status = 0;
        for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (replacement_ && replacement_->old == pid) replacement_->old = 0;
            if (replacement_ && replacement_->successor.pid == pid) {
                replacement_->successor.pid = 0;
                if (replacement_->failure.empty())
                    replacement_->failure = "its new process ended before it was ready (" +
                                            how_it_ended(status) + "): the old one keeps serving";
            }
            for (auto& process : processes_)
                if (process.pid == pid) ended(process, status);
        }
    }

    void ended(Process& process, int status) {
        const pid_t group = std::exchange(process.pid, 0);
        // Workers of a master that was killed would keep the port.
        if (process.is_nginx()) kill(-group, SIGKILL);
        if (is_stopping_ && process.is_told) return forget(process);
        if (is_stopping_ && (process.is_nginx() || are_handlers_told_)) return;
        logging::warning("process ended",
                         {{"name", std::string_view{process.name}},
                          {"exit_status", WIFEXITED(status) ? WEXITSTATUS(status) : -1},
                          {"signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0}});
        if (process.is_nginx()) return stop(EXIT_FAILURE);
        const bool was_stable = Clock::now() - process.started >= stable_after;
        process.pause = was_stable || process.pause.count() == 0
                            ? first_pause
                            : std::min(process.pause * 2, longest_pause);
        // One death costs no time: a killed process is back within milliseconds.
        process.next_start = Clock::now() + (was_stable ? milliseconds{0} : process.pause);
    }

    // It was told to end, and did. nginx may still pass a stream on that it took on before the
    // stop: that starts it again, as it started it first.
    static void forget(Process& process) {
        process.is_told = false;
        process.is_wanted = false;
    }

    // Of a service that stops, too, as long as nginx may still ask.
    void start_due() {
        if (are_handlers_told_) return;
        for (auto& process : processes_)
            if (process.is_wanted && process.pid == 0 && process.next_start <= Clock::now())
                launch(process);
    }

    void begin_replacing() {
        if (replacement_) return;
        std::error_code error;
        fs::directory_iterator requests{requests_folder, error};
        for (; !error && requests != fs::directory_iterator{}; requests.increment(error)) {
            std::error_code ignored;
            // Anything else is not of request_restart(), and could perhaps not be removed.
            if (!requests->is_regular_file(ignored) || requests->path().extension() == failed)
                continue;
            replacement_ = Replacement{.name = requests->path().filename().string()};
            return;
        }
    }

    // The successor shares the socket, so that whatever the old process no longer accepts waits for
    // it. The old one is told to stop only when the successor has said that it accepts.
    void go_on_replacing() {
        if (!replacement_) return;
        auto& current = *replacement_;
        if (current.old != 0) {
            if (Clock::now() - current.told > longest_drain) kill(current.old, SIGKILL);
            return;
        }
        if (current.successor.pid != 0) {
            if (says_ready(current))
                hand_over(current, processes_[current.next++]);
            else if (Clock::now() - current.successor.started > longest_birth)
                give_up(current);
            return;
        }
        const bool is_first = current.next == 0;
        while (current.next < processes_.size() && processes_[current.next].name != current.name)
            ++current.next;
        if (is_first && current.next == processes_.size())
            current.failure = "it came after the service had started: start that again";
        // What has not started yet will start from the new executable.
        const bool is_over =
            current.next == processes_.size() || !processes_[current.next].is_wanted;
        if (!current.failure.empty() || is_over) return end_replacing(current);
        launch_successor(current, processes_[current.next]);
    }

    void launch_successor(Replacement& current, const Process& process) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
            current.failure = "the system has no pipe left";
            return;
        }
        close_pipe(current);
        current.ready_pipe = ends[0];
        current.successor = process;
        current.successor.pid = 0;
        current.successor.ready = ends[1];
        launch(current.successor);
        close(std::exchange(current.successor.ready, -1));
        if (current.successor.pid == 0) current.failure = "the system has no process left";
    }

    static bool says_ready(const Replacement& current) {
        char byte = 0;
        return ::read(current.ready_pipe, &byte, 1) == 1;
    }

    static void close_pipe(Replacement& current) {
        if (current.ready_pipe >= 0) close(std::exchange(current.ready_pipe, -1));
    }

    // With the whole group: what hangs may be a child of it.
    static void give_up(Replacement& current) {
        if (current.failure.empty())
            current.failure =
                "its new process was not ready within 10 seconds: it was killed; the old one "
                "keeps serving";
        kill(-current.successor.pid, SIGKILL);
    }

    static void hand_over(Replacement& current, Process& process) {
        current.old = process.pid;
        current.told = Clock::now();
        process.pid = std::exchange(current.successor.pid, 0);
        process.started = current.successor.started;
        if (current.old != 0) kill(current.old, SIGTERM);
    }

    void end_replacing(Replacement& ended) {
        close_pipe(ended);
        const auto request = requests_folder / ended.name;
        if (!ended.failure.empty()) try {
                make_file(request.string() + failed,
                          ended.name + " is not replaced: " + ended.failure + "\n");
            } catch (const std::exception& error) {
                logging::error("a failed restart", {{"reason", std::string_view{error.what()}}});
            }
        std::error_code ignored;
        fs::remove(request, ignored);
        replacement_.reset();
        begin_replacing();
    }

    void stop(int status) {
        if (is_stopping_) return;
        is_stopping_ = true;
        exit_status_ = status;
        stop_began_ = Clock::now();
        if (nginx().pid != 0) kill(nginx().pid, SIGQUIT);
    }

    // nginx would wait for what never ends of itself, and then cut it off. But a process that has
    // just been started may not hear the signal, only die of it: whoever waits gets in first. One
    // that is started by what comes during the stop is told, too, as soon as it has that.
    void tell_endless() {
        for (auto& process : processes_) {
            if (process.pid == 0 || process.is_told || !process.is_endless) continue;
            pollfd waiting{process.socket, POLLIN, 0};
            if (poll(&waiting, 1, 0) > 0) continue;
            kill(process.pid, SIGTERM);
            process.is_told = true;
        }
    }

    // First nginx finishes what it has taken on, then the handlers.
    void go_on_stopping() {
        const auto waited = Clock::now() - stop_began_;
        const bool is_impatient = waited > nginx_patience;
        tell_endless();
        if (is_impatient && nginx().pid != 0) kill(nginx().pid, SIGTERM);
        if (!are_handlers_told_ && (nginx().pid == 0 || is_impatient)) {
            are_handlers_told_ = true;
            signal_handlers(SIGTERM);
        }
        if (waited > longest_stop && !are_all_killed_) {
            are_all_killed_ = true;
            exit_status_ = EXIT_FAILURE;
            if (nginx().pid != 0) kill(-nginx().pid, SIGKILL);
            signal_handlers(SIGKILL);
            logging::warning("killed what did not stop in time");
        }
    }

    void signal_handlers(int signal) {
        for (const auto& process : processes_)
            if (process.pid != 0 && !process.is_nginx()) kill(process.pid, signal);
        if (!replacement_) return;
        for (const pid_t pid : {replacement_->old, replacement_->successor.pid})
            if (pid != 0) kill(pid, signal);
    }

    bool is_finished() const {
        return is_stopping_ &&
               (!replacement_ || (replacement_->old == 0 && replacement_->successor.pid == 0)) &&
               std::all_of(processes_.begin(), processes_.end(),
                           [](const auto& process) { return process.pid == 0; });
    }

    void announce_when_ready() {
        // The pid says that it is our nginx that has the port.
        pid_t listening = 0;
        std::ifstream{"nginx.pid"} >> listening;
        if (listening != nginx().pid || !nginx_answers(config_)) {
            // Where the whole machine stood still in between, so did nginx.
            const auto now = Clock::now();
            const auto since = now - std::max(last_question_, nginx().started);
            waited_for_nginx_ += std::min<Clock::duration>(since, longest_question);
            last_question_ = now;
            if (waited_for_nginx_ < longest_start) return;
            logging::error("nginx does not answer");
            return stop(EXIT_FAILURE);
        }
        is_ready_ = true;
        const auto base = base_url(config_);
        std::cout << "steelthread serves " << endpoint_count_ << " endpoints on " << base
                  << " from " << database_name(config_) << "\n\n  curl " << base << "/healthz\n";
        if (config_.dev_user_email.empty() && !config_.is_production())
            std::cout
                << "  set DEV_USER_EMAIL and DEV_USER_PASSWORD for an account to log in with\n";
        if (!config_.dev_user_email.empty())
            std::cout << "  curl " << base << "/auth/login --json '{\"email\":\""
                      << config_.dev_user_email << "\",\"password\":\"…\"}'\n";
        std::cout << "\nCtrl-C stops it.\n" << std::flush;
    }

    Process& nginx() { return processes_.front(); }

    Config config_;
    std::vector<Process> processes_;
    std::optional<Replacement> replacement_;
    sigset_t original_mask_{};
    int signals_ = -1;
    int endpoint_count_ = 0;
    int exit_status_ = EXIT_SUCCESS;
    Clock::time_point stop_began_{};
    Clock::time_point last_question_{};  // whether nginx answers
    Clock::duration waited_for_nginx_{};
    const bool had_terminal_ = has_terminal();
    bool is_ready_ = false;
    bool is_stopping_ = false;
    bool are_handlers_told_ = false;
    bool are_all_killed_ = false;
};

}  // namespace

int supervise(const Config& config, bool migrates) {
    logging::set_level(config.log_level);
    logging::set_endpoint("supervisor");
    return Supervisor{config}.run(migrates);
}

int request_restart(const std::string& run_dir, const std::string& endpoint) {
    const auto handlers = handler_executables();
    if (std::none_of(handlers.begin(), handlers.end(),
                     [&](const auto& path) { return path.filename() == endpoint; }))
        throw std::runtime_error("there is no endpoint " + endpoint);
    const pid_t supervisor = supervisor_of(run_dir);
    if (supervisor <= 0)
        throw std::runtime_error("no steelthread runs in " + fs::absolute(run_dir).string() +
                                 ": set RUN_DIR to that of the service");
    const auto request = fs::path{run_dir} / requests_folder / endpoint;
    const auto failure = request.string() + failed;
    fs::remove(failure);
    make_file(request, "");
    if (kill(supervisor, SIGUSR1) != 0)
        throw std::runtime_error("cannot ask the supervisor in " + run_dir);
    while (fs::exists(request)) {
        if (supervisor_of(run_dir) != supervisor)
            throw std::runtime_error("the supervisor in " + run_dir + " has ended");
        std::this_thread::sleep_for(tick);
    }
    std::ifstream reason{failure};
    if (!reason) return EXIT_SUCCESS;
    std::cerr << reason.rdbuf();
    fs::remove(failure);
    return EXIT_FAILURE;
}
