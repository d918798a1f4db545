#include "shared/server/listen.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "shared/config/addresses.hpp"

namespace {

constexpr std::string_view unix_scheme = "unix:";
constexpr int backlog = 4096;

[[noreturn]] void fail(const std::string& address, const std::string& reason) {
    throw std::runtime_error("cannot listen on " + address + ": " + reason);
}

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        fail(path,
             "the path has more than " + std::to_string(sizeof address.sun_path - 1) + " bytes");
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

// Removes the socket of a process that has died.
void remove_stale(const std::string& path, const sockaddr_un& address) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) return;
    if (!S_ISSOCK(status.st_mode)) fail(path, "there is a file that is no socket");
    const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is_dead =
        connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
        errno == ECONNREFUSED;
    close(probe);
    if (!is_dead) fail(path, "another process is listening there");
    unlink(path.c_str());
}

}  // namespace

bool is_listening(int fd) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
}

bool is_listen_address(std::string_view text) {
    if (text.starts_with(unix_scheme)) return text.size() > unix_scheme.size();
    return parse_listen_address(text).has_value();
}

ListeningSocket::ListeningSocket(const std::string& address) {
    if (address.starts_with(unix_scheme)) {
        path_ = address.substr(unix_scheme.size());
        listen_on_path();
    } else {
        listen_on_port(address);
    }
}

ListeningSocket::~ListeningSocket() {
    if (!path_.empty()) unlink(path_.c_str());
}

void ListeningSocket::listen_on_path() {
    const auto address = address_of(path_);
    remove_stale(path_, address);
    descriptor_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0 ||
        bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        chmod(path_.c_str(), 0660) != 0 || listen(descriptor_, backlog) != 0)
        fail(path_, std::strerror(errno));
}

void ListeningSocket::listen_on_port(const std::string& address) {
    const auto parsed = parse_listen_address(address);
    if (!parsed) fail(address, "it is not an address");
    sockaddr_in6 ipv6{};
    sockaddr_in ipv4{};
    const bool is_ipv6 = inet_pton(AF_INET6, parsed->host.c_str(), &ipv6.sin6_addr) == 1;
    inet_pton(AF_INET, parsed->host.c_str(), &ipv4.sin_addr);
    ipv6.sin6_family = AF_INET6;
    ipv4.sin_family = AF_INET;
    ipv6.sin6_port = ipv4.sin_port = htons(static_cast<std::uint16_t>(parsed->port));
    const auto* const place = is_ipv6 ? reinterpret_cast<const sockaddr*>(&ipv6)
                                      : reinterpret_cast<const sockaddr*>(&ipv4);
    const socklen_t size = is_ipv6 ? sizeof ipv6 : sizeof ipv4;
    const int on = 1;
    descriptor_ = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0 || setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(descriptor_, place, size) != 0 || listen(descriptor_, backlog) != 0)
        fail(address, std::strerror(errno));
}
