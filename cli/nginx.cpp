#include "cli/nginx.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace {

namespace fs = std::filesystem;

fs::path template_folder() {
    const auto beside = fs::read_symlink("/proc/self/exe").parent_path();
    for (const auto& folder : {beside / "nginx", beside.parent_path() / "nginx",
                               beside.parent_path().parent_path() / "nginx"})
        if (fs::exists(folder / "nginx.conf.in")) return folder;
    throw std::runtime_error("nginx.conf.in is not beside " + beside.string());
}

std::string read(const fs::path& path) {
    std::ifstream file{path};
    std::stringstream text;
    text << file.rdbuf();
    if (!file) throw std::runtime_error("cannot read " + path.string());
    return text.str();
}

void write(const fs::path& path, const std::string& text) {
    std::ofstream file{path};
    file << text;
    file.flush();
    if (!file) throw std::runtime_error("cannot write " + fs::absolute(path).string());
}

void replace(std::string& text, const std::string& word, const std::string& value) {
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at + value.size()))
        text.replace(at, word.size(), value);
}

// Scheme, host and port only: anything else could be nginx syntax.
std::string origin_lines(const Config& config) {
    std::string lines;
    for (const auto& origin : config.allowed_origins()) {
        const bool is_plain = std::all_of(origin.begin(), origin.end(), [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) ||
                   std::strchr(":/.-[]_", c) != nullptr;
        });
        if (!is_plain) throw ConfigError("CORS_ORIGINS: " + origin + " is no origin");
        lines += "    \"" + origin + "\" $http_origin;\n";
    }
    return lines;
}

// A socket as standard output (a journal) cannot be opened by name.
std::string access_log() {
    const int fd = open("/dev/stdout", O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0) return "off";
    close(fd);
    return "/dev/stdout requests buffer=32k flush=1s";
}

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses resolve(const Config& config) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const int code =
        getaddrinfo(config.host.c_str(), std::to_string(config.port).c_str(), &hints, &found);
    if (code != 0) throw ConfigError("HOST " + config.host + ": " + gai_strerror(code));
    return {found, &freeaddrinfo};
}

}  // namespace

void render_nginx(const Config& config) {
    const auto folder = template_folder();
    auto text = read(folder / "nginx.conf.in");
    const bool is_ipv6 = config.host.find(':') != config.host.npos;
    replace(text, "${HOST}", is_ipv6 ? "[" + config.host + "]" : config.host);
    replace(text, "${PORT}", std::to_string(config.port));
    replace(text, "${ORIGINS}", origin_lines(config));
    replace(text, "${ACCESS_LOG}", access_log());
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    replace(text, "${CONNECTIONS}", std::to_string(std::min<rlim_t>(files.rlim_cur, 16'384)));
    // Workers of a root nginx would become another user, who may not open the sockets.
    replace(text, "${USER}", geteuid() == 0 ? "user root;" : "");
    write("nginx.conf", text);
    for (const char* name : {"maps.conf", "routes.conf", "error_headers.conf"})
        write(name, read(folder / name));
}

std::string why_port_is_taken(const Config& config) {
    const auto address = resolve(config);
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const int code = bind(fd, address->ai_addr, address->ai_addrlen);
    std::string reason = code == 0 ? "" : std::strerror(errno);
    close(fd);
    return reason;
}

bool nginx_answers(const Config& config) {
    auto host = config.host;
    if (host == "0.0.0.0") host = "127.0.0.1";
    if (host == "::") host = "::1";
    Config reachable = config;
    reachable.host = host;
    const auto address = resolve(reachable);
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval timeout{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    char answer[16] = {};
    const std::string request = "GET /livez HTTP/1.0\r\n\r\n";
    const bool is_answered = connect(fd, address->ai_addr, address->ai_addrlen) == 0 &&
                             send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0 &&
                             recv(fd, answer, sizeof answer - 1, 0) > 0 &&
                             std::strstr(answer, " 200") != nullptr;
    close(fd);
    return is_answered;
}
