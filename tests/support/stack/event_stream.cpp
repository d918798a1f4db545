#include "tests/support/stack/event_stream.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sstream>
#include <utility>

#include "tests/support/expect.hpp"
#include "tests/support/ports.hpp"

using Clock = std::chrono::steady_clock;

EventStream::EventStream(int port, const std::string& target,
                         const std::vector<std::string>& headers)
    : fd_(connect_to(port)) {
    cr_assert_geq(fd_, 0);
    // Without chunks.
    auto request = "GET " + target + " HTTP/1.0\r\nHost: localhost\r\n";
    for (const auto& header : headers) request += header + "\r\n";
    request += "\r\n";
    cr_assert_eq(send(fd_, request.data(), request.size(), MSG_NOSIGNAL),
                 static_cast<ssize_t>(request.size()));
    const auto until = Clock::now() + std::chrono::seconds{10};
    auto end = received_.find("\r\n\r\n");
    while (end == received_.npos && read_more(until)) end = received_.find("\r\n\r\n");
    if (end == received_.npos) return;
    head_ = received_.substr(0, end);
    received_.erase(0, end + 4);
    if (head_.find("text/event-stream") == head_.npos) return;
    auto block = take_block();
    while (!block && read_more(until)) block = take_block();
    opening_ = block.value_or("");
    const auto id = opening_.find("id: ");
    if (id != opening_.npos) last_id_ = opening_.substr(id + 4, opening_.find('\n', id) - id - 4);
}

EventStream::~EventStream() {
    if (fd_ >= 0) close(fd_);
}

EventStream::EventStream(EventStream&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      received_(std::move(other.received_)),
      head_(std::move(other.head_)),
      opening_(std::move(other.opening_)),
      last_id_(std::move(other.last_id_)),
      has_ended_(other.has_ended_) {}

std::optional<StreamEvent> EventStream::next(std::chrono::milliseconds longest) {
    const auto until = Clock::now() + longest;
    for (;;) {
        const auto block = take_block();
        if (!block) {
            if (!read_more(until)) return std::nullopt;
            continue;
        }
        StreamEvent event;
        std::istringstream lines{*block};
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with("id: ")) event.id = line.substr(4);
            if (line.starts_with("event: ")) event.type = line.substr(7);
            if (line.starts_with("data: ")) event.data += line.substr(6);
        }
        if (!event.id.empty()) last_id_ = event.id;
        if (!event.data.empty()) return event;
    }
}

bool EventStream::ends(std::chrono::milliseconds longest) {
    const auto until = Clock::now() + longest;
    while (read_more(until)) received_.clear();
    return has_ended_;
}

bool EventStream::read_more(Clock::time_point until) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    pollfd ready{fd_, POLLIN, 0};
    if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) <= 0) return false;
    char buffer[64 * 1024];
    const auto count = recv(fd_, buffer, sizeof buffer, 0);
    has_ended_ = count <= 0;
    if (!has_ended_) received_.append(buffer, static_cast<std::size_t>(count));
    return !has_ended_;
}

std::optional<std::string> EventStream::take_block() {
    const auto end = received_.find("\n\n");
    if (end == received_.npos) return std::nullopt;
    auto block = received_.substr(0, end + 1);
    received_.erase(0, end + 2);
    return block;
}
