#include "tests/support/http_connection.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "tests/support/expect.hpp"
#include "tests/support/ports.hpp"

HttpConnection::HttpConnection(int port, const std::string& request_line,
                               const std::vector<std::string>& headers)
    : fd_(connect_to(port)) {
    cr_assert_geq(fd_, 0);
    auto request = request_line + "\r\nHost: localhost\r\n";
    for (const auto& header : headers) request += header + "\r\n";
    cr_assert(send(request + "\r\n"), "the request cannot be sent");
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    auto end = received_.npos;
    while ((end = received_.find("\r\n\r\n")) == received_.npos)
        if (!read_more(until)) return;
    head_ = received_.substr(0, end);
    received_.erase(0, end + 4);
}

HttpConnection::~HttpConnection() {
    if (fd_ >= 0) close(fd_);
}

HttpConnection::HttpConnection(HttpConnection&& moved) noexcept
    : fd_(std::exchange(moved.fd_, -1)),
      received_(std::move(moved.received_)),
      head_(std::move(moved.head_)),
      has_ended_(moved.has_ended_) {}

bool HttpConnection::read_more(std::chrono::steady_clock::time_point until) {
    using milliseconds = std::chrono::milliseconds;
    const auto left =
        std::chrono::duration_cast<milliseconds>(until - std::chrono::steady_clock::now());
    pollfd ready{fd_, POLLIN, 0};
    if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) <= 0) return false;
    char buffer[64 * 1024];
    const auto count = recv(fd_, buffer, sizeof buffer, 0);
    has_ended_ = count <= 0;
    if (!has_ended_) received_.append(buffer, static_cast<std::size_t>(count));
    return !has_ended_;
}

bool HttpConnection::send(std::string_view bytes) const { return send_all(fd_, bytes); }
