#include "cli/restart.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "cli/handlers.hpp"
#include "cli/run_dir.hpp"
#include "shared/log.hpp"

namespace {

namespace fs = std::filesystem;

const fs::path requests_folder = "restart";
constexpr const char* failed = ".failed";
constexpr const char* idle = ".idle";

void leave(const fs::path& path, const std::string& text) {
    try {
        make_file(path, text);
    } catch (const std::exception& error) {
        logging::error("could not report the result of a restart",
                       {{"reason", std::string_view{error.what()}}});
    }
}

// Whether this process id means the supervisor here, too. It works in its RUN_DIR.
bool is_in_this_namespace(pid_t supervisor, const std::string& run_dir) {
    std::error_code error;
    const auto cwd = fs::read_symlink("/proc/" + std::to_string(supervisor) + "/cwd", error);
    return !error && cwd == fs::canonical(run_dir, error);
}

bool is_result(const fs::path& path) {
    return path.extension() == failed || path.extension() == idle;
}

}  // namespace

int request_restart(const std::string& run_dir, const std::string& endpoint, std::ostream& out) {
    const auto handlers = handler_executables();
    if (std::none_of(handlers.begin(), handlers.end(),
                     [&](const auto& path) { return path.filename() == endpoint; }))
        throw std::runtime_error("no endpoint has the name " + endpoint +
                                 ": docs/endpoints.md lists the names");
    const pid_t supervisor = require_supervisor(run_dir);
    if (!is_in_this_namespace(supervisor, run_dir))
        throw std::runtime_error("the service of " + run_dir +
                                 " runs in another container, or as another user: run "
                                 "`steelthread restart` there");
    const auto request = fs::path{run_dir} / requests_folder / endpoint;
    const auto failure = request.string() + failed;
    const auto idleness = request.string() + idle;
    fs::remove(failure);
    fs::remove(idleness);
    const auto begin = std::chrono::steady_clock::now();
    make_file(request, "");
    if (kill(supervisor, SIGUSR1) != 0)
        throw std::runtime_error("cannot signal the supervisor in " + run_dir);
    while (fs::exists(request)) {
        if (supervisor_of(run_dir) != supervisor)
            throw std::runtime_error("the supervisor in " + run_dir + " has ended");
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    if (std::ifstream reason{failure}; reason) {
        std::cerr << reason.rdbuf();
        fs::remove(failure);
        return EXIT_FAILURE;
    }
    if (fs::remove(idleness)) {
        out << endpoint << " is not running: it starts with its first request\n";
        return EXIT_SUCCESS;
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    out << "restarted " << endpoint << " in " << std::fixed << std::setprecision(1) << taken.count()
        << " s\n";
    return EXIT_SUCCESS;
}

std::optional<std::string> next_restart_request() {
    std::error_code error;
    fs::directory_iterator requests{requests_folder, error};
    for (; !error && requests != fs::directory_iterator{}; requests.increment(error)) {
        std::error_code ignored;
        // request_restart() creates regular files only; it may be impossible to remove anything
        // else.
        if (requests->is_regular_file(ignored) && !is_result(requests->path()))
            return requests->path().filename().string();
    }
    return std::nullopt;
}

void answer_restart_request(const std::string& endpoint, const RestartResult& result) {
    const auto request = requests_folder / endpoint;
    if (!result.failure.empty())
        leave(request.string() + failed, endpoint + " was not replaced: " + result.failure + "\n");
    else if (!result.was_running)
        leave(request.string() + idle, "");
    std::error_code ignored;
    fs::remove(request, ignored);
}
