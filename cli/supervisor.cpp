#include "cli/supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "cli/access_log.hpp"
#include "cli/certificate.hpp"
#include "cli/checks.hpp"
#include "cli/database.hpp"
#include "cli/endpoint_list.hpp"
#include "cli/handlers.hpp"
#include "cli/layout.hpp"
#include "cli/metrics.hpp"
#include "cli/migrate.hpp"
#include "cli/nginx.hpp"
#include "cli/nginx_config.hpp"
#include "cli/notify.hpp"
#include "cli/process.hpp"
#include "cli/pruning.hpp"
#include "cli/relay.hpp"
#include "cli/run_dir.hpp"
#include "cli/workers.hpp"
#include "shared/config/setting.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/log.hpp"
#include "shared/log_text.hpp"
#include "shared/metrics/counters.hpp"
#include "shared/server/server.hpp"
#include "shared/version.hpp"

namespace {

constexpr milliseconds longest_drain{5000};  // of nginx, with the requests it has accepted
// Of everything; container platforms kill after 10 s. If nginx needs all of its time, the rest is
// shorter than a handler's own `longest_stop` (server.hpp), and the handler is killed.
constexpr milliseconds longest_total_stop{9000};
static_assert(longest_total_stop > longest_stop);
constexpr milliseconds longest_start{10'000};  // of nginx
constexpr milliseconds longest_probe{2'000};   // if it takes longer, the whole machine stood still
constexpr milliseconds tick{10};

bool has_terminal() {
    const int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

// A service goes through these in order and may skip some of them.
enum class Phase {
    starting,           // until nginx answers
    serving,            // until a signal, or until nginx ends
    stopping_nginx,     // nginx finishes the requests it has accepted, so handlers still start
    stopping_handlers,  // they have been told to stop
    killing,            // what is left has been killed
};

// Without this a socket could get the number of a standard stream that the parent has closed.
void open_standard_streams() {
    int fd = 0;
    do fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) close(fd);
}

// `base` is the URL, or the folder of the sockets.
std::string welcome(const Config& config, std::size_t endpoint_count, const std::string& base) {
    std::ostringstream out;
    out << "steelthread serves " << endpoint_count << " endpoints on " << base << " from "
        << database_name(config);
    if (config.redis_url) out << ", with limits in Redis (" << config.redis_url->place() << ")";
    if (!config.nginx)
        return out.str() + "\n\n  `steelthread nginx` prints the configuration of nginx\n";
    out << "\n\n  " << base << "/docs\n  curl " << base << "/healthz\n";
    if (config.dev_user_email.empty() && !config.is_production())
        out << "  set DEV_USER_EMAIL and DEV_USER_PASSWORD for an account to log in with\n";
    if (!config.dev_user_email.empty())
        out << "  curl " << base << "/auth/login --json '{\"email\":\"" << config.dev_user_email
            << "\",\"password\":\"…\"}'\n";
    if (getpid() != 1) out << "\nCtrl-C stops it.\n";  // PID 1 is a container's
    return out.str();
}

std::string name_of(int signal) {
    const char* name = sigabbrev_np(signal);
    return name ? std::string{"SIG"} + name : std::to_string(signal);
}

void log_signal(std::string_view message, const signalfd_siginfo& info) {
    logging::info(message, {{"signal", std::string_view{name_of(static_cast<int>(info.ssi_signo))}},
                            {"sender_pid", info.ssi_pid},
                            {"sender_uid", info.ssi_uid}});
}

// With a full disk nothing can be checked or written. The service starts nevertheless, and answers
// 503 until there is room.
void look_for_older_file(const Config& config) {
    try {
        notice_older_file(config);
    } catch (const DbError& error) {
        const auto& state = error.sqlstate();
        if (state != sqlstate::disk_full && state != sqlstate::io_error) throw;
        logging::warning("cannot check whether the database is older than the events already sent",
                         {{"reason", std::string_view{error.what()}}});
    }
}

// Both streams, which become one log. Each has a pipe of its own, because nginx, which has stdout,
// writes more at a time than a pipe takes in one piece: its lines must not break others.
struct Streams {
    explicit Streams(const Relay::Edit& edit)
        : output(STDOUT_FILENO, edit), errors(STDERR_FILENO, edit) {}

    Relay output;
    Relay errors;
};

class Supervisor {
public:
    explicit Supervisor(Config config) : config_(std::move(config)) {}

    int run(bool migrates) {
        open_standard_streams();
        // The reader of the log may go away.
        [[maybe_unused]] auto previous = std::signal(SIGPIPE, SIG_IGN);
        // Ctrl-Z would stop the log, and with it nginx, but no handler.
        previous = std::signal(SIGTSTP, SIG_IGN);
        check_start(config_, migrates);
        enter_run_dir(config_);
        ensure_secret(config_);
        limit_resources();
        prepare();
        log_start();
        if (migrates) bring_schema_up(config_);
        look_for_older_file(config_);
        Streams streams{log_lines()};
        logging::set_format(logging::Format::json);
        block_signals();
        if (config_.nginx) start(nginx_, original_mask_);
        workers_.start_active();
        while (!is_finished()) turn(streams);
        logging::info("stopped", {{"exit_status", exit_status_}});
        return exit_status_;
    }

private:
    // Runs before any process starts, and does not notice a handler that cannot run.
    void prepare() {
        if (config_.nginx) {
            nginx_.command = nginx_command();
            nginx_.environment = nginx_environment();
        }
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
            workers_.add(config_, *endpoint, {executable.string()});
            endpoints_.push_back(name);
        }
        prepare_metrics();
        write_for_nginx();
        if (config_.demo_mode)
            logging::warning("DEMO_MODE is on: anyone may write without a token");
        if (config_.jwks_audience == any_audience)
            logging::warning("JWKS_AUDIENCE is any: tokens for other services are accepted");
    }

    void prepare_metrics() {
        auto counted = endpoints_;
        if (config_.metrics_listen) {
            workers_.add(config_, metrics_entry(), {own_executable(), metrics_name});
            counted.emplace_back(metrics_name);
        }
        metrics::create(config_.run_dir, counted);
    }

    // An nginx of somebody else reads what is published, too.
    void write_for_nginx() {
        (config_.nginx ? render_nginx : publish)(config_);
        open_to_socket_group(config_);
    }

    // The keys and limits in force are evidence, as those of the last start may have been others.
    void log_start() const {
        const auto database = database_name(config_);
        logging::info("starting", {{"version", service_version},
                                   {"environment", setting("ENVIRONMENT").print(config_)},
                                   {"database", std::string_view{database}}});
        const auto rate = setting("RATE_LIMIT").print(config_);
        const auto writes = setting("USER_RATE_LIMIT").print(config_);
        const auto logins = setting("LOGIN_RATE_LIMIT").print(config_);
        const auto streams = setting("MAX_STREAMS_PER_USER").print(config_);
        logging::audit({}, "settings",
                       {{"api_keys", std::ssize(config_.api_keys)},
                        {"rate_limit", std::string_view{rate}},
                        {"user_rate_limit", std::string_view{writes}},
                        {"login_rate_limit", std::string_view{logins}},
                        {"max_streams_per_user", std::string_view{streams}}});
    }

    void announce() const {
        const auto place = config_.nginx ? base_url(config_) : config_.run_dir + "/sockets";
        logging::info("ready",
                      {{"url", std::string_view{place}}, {"endpoints", std::ssize(endpoints_)}});
        if (terminal_ < 0) return;
        const auto text = welcome(config_, endpoints_.size(), place);
        [[maybe_unused]] const auto written = write(terminal_, text.data(), text.size());
    }

    void block_signals() {
        sigset_t mask;
        sigemptyset(&mask);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1})
            sigaddset(&mask, signal);
        // If SIGCHLD were ignored, there would be no children to wait for.
        [[maybe_unused]] const auto previous = std::signal(SIGCHLD, SIG_DFL);
        sigprocmask(SIG_BLOCK, &mask, &original_mask_);
        signals_ = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signals_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
    }

    // All processes write JSON, and the supervisor passes it on in the format that LOG_FORMAT means
    // for its own stderr.
    Relay::Edit log_lines() const {
        setenv("LOG_FORMAT", "json", 1);
        const bool is_text = logging::is_text(config_.log_format);
        const bool has_colours = is_text && logging::may_have_colours(STDERR_FILENO);
        const bool has_requests = config_.log_level <= logging::Level::info;
        return [=](std::string_view line) -> std::string {
            if (count_response(line) && !has_requests) return {};
            return is_text ? logging::text_line(line, has_colours) : std::string{line} + '\n';
        };
    }

    // Waits for a signal, a line of the log, the first connection to an endpoint, or the time at
    // which something is due.
    void turn(Streams& streams) {
        std::vector<pollfd> descriptors{{signals_, POLLIN, 0}};
        streams.errors.watch(descriptors);
        streams.output.watch(descriptors);
        if (may_start_handlers()) workers_.watch(descriptors);
        poll(descriptors.data(), descriptors.size(), static_cast<int>(until_next_due().count()));
        streams.errors.forward();
        streams.output.forward();
        signalfd_siginfo info{};
        while (read(signals_, &info, sizeof info) == sizeof info) handle(info);
        reap();
        if (is_stopping()) go_on_stopping();
        if (may_start_handlers()) workers_.start_due(descriptors);
        if (is_stopping()) return;
        pruning_.start_due();
        workers_.go_on_replacing();
        if (phase_ == Phase::starting) go_on_starting();
    }

    milliseconds until_next_due() const {
        if (phase_ != Phase::serving || workers_.is_replacing()) return tick;
        const auto wait = workers_.until_next_start();
        return std::min(wait, pruning_.until_due().value_or(wait));
    }

    void handle(const signalfd_siginfo& info) {
        const auto signal = static_cast<int>(info.ssi_signo);
        if (is_stopping() || signal == SIGCHLD) return;
        if (signal == SIGUSR1) return workers_.begin_replacing();
        // Closing a terminal sends SIGHUP, too.
        if (signal == SIGHUP && !(had_terminal_ && !has_terminal())) {
            service_manager_.notify_reloading();
            reload_nginx(info);
            return service_manager_.notify("READY=1");
        }
        log_signal("stopping", info);
        stop(EXIT_SUCCESS);
    }

    void reload_nginx(const signalfd_siginfo& info) {
        try {
            if (config_.nginx && config_.has_tls()) check_certificate(config_);
            write_for_nginx();
            if (nginx_.pid != 0) kill(nginx_.pid, SIGHUP);
            log_signal(config_.nginx ? "reloading nginx" : "published the documents", info);
        } catch (const std::exception& error) {
            logging::error("could not reload nginx, which keeps its configuration",
                           {{"reason", std::string_view{error.what()}}});
        }
    }

    void reap() {
        int status = 0;
        for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
            if (pid == nginx_.pid) {
                nginx_ended(status);
            } else {
                pruning_.child_ended(pid, status);
                workers_.child_ended(pid, status, may_start_handlers());
            }
    }

    void nginx_ended(int status) {
        // Workers of a master that was killed would keep the port.
        const pid_t pid = std::exchange(nginx_.pid, 0);
        kill(-pid, SIGKILL);
        if (is_stopping()) return;
        log_end(nginx_, pid, status);
        stop(EXIT_FAILURE);
    }

    bool is_stopping() const { return phase_ >= Phase::stopping_nginx; }

    // During a stop, too, handlers start while nginx passes on the requests it has accepted. Once
    // nginx has ended, nothing waits for an answer.
    bool may_start_handlers() const { return phase_ < Phase::stopping_handlers; }

    void stop(int status) {
        if (is_stopping()) return;
        exit_status_ = status;
        enter(Phase::stopping_nginx);
    }

    // Changes the phase, and does what it begins with.
    void enter(Phase phase) {
        phase_ = phase;
        switch (phase) {
            case Phase::starting: break;
            case Phase::serving:
                announce();
                service_manager_.notify("READY=1");
                pruning_.begin();
                break;
            case Phase::stopping_nginx:
                stop_began_ = Clock::now();
                service_manager_.notify("STOPPING=1");
                pruning_.stop();
                if (nginx_.pid != 0) kill(nginx_.pid, SIGQUIT);
                break;
            case Phase::stopping_handlers: workers_.signal(SIGTERM); break;
            case Phase::killing:
                exit_status_ = EXIT_FAILURE;
                if (nginx_.pid != 0) kill(-nginx_.pid, SIGKILL);
                workers_.signal(SIGKILL);
                pruning_.kill();
                logging::warning("killed the processes that did not stop in time");
                break;
        }
    }

    void go_on_starting() {
        if (!config_.nginx) return enter(Phase::serving);
        if (nginx_.pid == 0 && nginx_.next_start <= Clock::now()) start(nginx_, original_mask_);
        // The pid proves that this service's nginx has the port.
        pid_t listening = 0;
        std::ifstream{"nginx.pid"} >> listening;
        if (listening == nginx_.pid && nginx_answers(config_)) return enter(Phase::serving);
        // If the whole machine stood still since the last probe, so did nginx.
        const auto now = Clock::now();
        const auto since = now - std::max(last_probe_, nginx_.started);
        waited_for_nginx_ += std::min<Clock::duration>(since, longest_probe);
        last_probe_ = now;
        if (waited_for_nginx_ < longest_start) return;
        logging::error("nginx did not answer within 10 seconds");
        stop(EXIT_FAILURE);
    }

    void go_on_stopping() {
        const auto waited = Clock::now() - stop_began_;
        const bool is_drain_over = waited > longest_drain;
        workers_.stop_streams();
        if (is_drain_over && nginx_.pid != 0) kill(nginx_.pid, SIGTERM);
        if (phase_ == Phase::stopping_nginx && (nginx_.pid == 0 || is_drain_over))
            enter(Phase::stopping_handlers);
        if (phase_ == Phase::stopping_handlers && waited > longest_total_stop)
            enter(Phase::killing);
    }

    bool is_finished() const {
        return is_stopping() && nginx_.pid == 0 && !workers_.are_running() &&
               !pruning_.is_running();
    }

    Config config_;
    const ServiceManager service_manager_;
    sigset_t original_mask_{};
    Process nginx_{.name = "nginx", .command = {}, .environment = {}};
    std::vector<std::string> endpoints_;  // of the users
    Workers workers_{original_mask_};
    Pruning pruning_{original_mask_};
    int signals_ = -1;
    int exit_status_ = EXIT_SUCCESS;
    Clock::time_point stop_began_{};
    Clock::time_point last_probe_{};  // whether nginx answers
    Clock::duration waited_for_nginx_{};
    const bool had_terminal_ = has_terminal();
    const int terminal_ = isatty(STDOUT_FILENO) ? open_terminal(STDOUT_FILENO) : -1;
    Phase phase_ = Phase::starting;
};

}  // namespace

int supervise(const Config& config, bool migrates) {
    logging::set_level(config.log_level);
    logging::set_format(config.log_format);
    logging::set_endpoint("supervisor");
    return Supervisor{config}.run(migrates);
}
