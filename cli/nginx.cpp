#include "cli/nginx.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "shared/log.hpp"
#include "shared/net/url_host.hpp"

namespace {

namespace fs = std::filesystem;

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses resolve(const std::string& host, std::int64_t port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST;
    addrinfo* found = nullptr;
    const int code = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (code != 0) throw std::runtime_error(host + ": " + gai_strerror(code));
    return {found, &freeaddrinfo};
}

std::string reachable_host(const Config& config) {
    if (config.host == "0.0.0.0") return "127.0.0.1";
    return config.host == "::" ? "::1" : config.host;
}

void check_port(const std::string& host, std::int64_t port) {
    const auto address = resolve(host, port);
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const int code = bind(fd, address->ai_addr, address->ai_addrlen);
    const std::string reason = code == 0 ? "" : std::strerror(errno);
    close(fd);
    if (!reason.empty())
        throw std::runtime_error("cannot listen on " + url_host(host) + ":" + std::to_string(port) +
                                 ": " + reason);
}

}  // namespace

std::vector<std::string> nginx_command() {
    const char* path = std::getenv("PATH");
    std::stringstream folders{std::string{path ? path : "/usr/bin"} + ":/usr/sbin:/sbin"};
    for (std::string folder; std::getline(folders, folder, ':');)
        if (const auto nginx = folder + "/nginx"; access(nginx.c_str(), X_OK) == 0)
            return {nginx, "-e", "stderr", "-p", "./", "-c", "nginx.conf"};
    throw std::runtime_error("nginx is not installed: apt-get install nginx-light");
}

std::string base_url(const Config& config) {
    return (config.has_tls() ? "https://" : "http://") + url_host(reachable_host(config)) + ":" +
           std::to_string(config.port);
}

void check_ports(const Config& config) {
    check_port(config.host, config.port);
    if (const auto& metrics = config.metrics_listen) check_port(metrics->host, metrics->port);
}

void wait_for_orphaned_nginx(const std::string& run_dir) {
    constexpr auto longest = std::chrono::seconds{5};  // its worker_shutdown_timeout
    const auto is_orphan = [&] {
        pid_t pid = 0;
        std::ifstream{run_dir + "/nginx.pid"} >> pid;
        std::error_code error;
        return pid > 0 && fs::equivalent("/proc/" + std::to_string(pid) + "/cwd", run_dir, error);
    };
    if (!is_orphan()) return;
    logging::warning("waiting for the nginx of a killed service to end");
    const auto latest = std::chrono::steady_clock::now() + longest;
    while (is_orphan() && std::chrono::steady_clock::now() < latest)
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
}

bool nginx_answers(const Config& config) {
    const auto address = resolve(reachable_host(config), config.port);
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval timeout{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);  // applies to connect(), too
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    char answer[16] = {};
    // On the port of TLS nginx refuses it, which shows as well that it answers.
    const std::string request = "GET /livez HTTP/1.0\r\n\r\n";
    const bool is_answered = connect(fd, address->ai_addr, address->ai_addrlen) == 0 &&
                             send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0 &&
                             recv(fd, answer, sizeof answer - 1, 0) > 0 &&
                             std::strstr(answer, config.has_tls() ? " 400" : " 200") != nullptr;
    close(fd);
    return is_answered;
}
