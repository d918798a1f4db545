#include "tests/support/web_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "tests/support/expect.hpp"
#include "tests/support/ports.hpp"

using Clock = std::chrono::steady_clock;

WebSocketClient::WebSocketClient(int port, const std::string& target,
                                 const std::vector<std::string>& headers)
    : fd_(connect_to(port)) {
    cr_assert_geq(fd_, 0);
    // The key of RFC 6455, section 1.3.
    auto request = "GET " + target +
                   " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    for (const auto& header : headers) request += header + "\r\n";
    request += "\r\n";
    cr_assert_eq(::send(fd_, request.data(), request.size(), MSG_NOSIGNAL),
                 static_cast<ssize_t>(request.size()));
    const auto until = Clock::now() + std::chrono::seconds{10};
    auto end = received_.find("\r\n\r\n");
    while (end == received_.npos && read_more(until)) end = received_.find("\r\n\r\n");
    if (end == received_.npos) return;
    head_ = received_.substr(0, end);
    received_.erase(0, end + 4);
}

WebSocketClient::~WebSocketClient() {
    if (fd_ >= 0) close(fd_);
}

WebSocketClient::WebSocketClient(WebSocketClient&& moved) noexcept
    : fd_(std::exchange(moved.fd_, -1)),
      received_(std::move(moved.received_)),
      head_(std::move(moved.head_)),
      has_ended_(moved.has_ended_) {}

void WebSocketClient::send(Opcode opcode, std::string_view data) {
    constexpr std::string_view mask = "mask";
    std::string frame{static_cast<char>(0x80 | opcode)};
    const auto put = [&](std::size_t number, int bytes) {
        for (int i = bytes - 1; i >= 0; --i)
            frame += static_cast<char>((static_cast<std::uint64_t>(number) >> (8 * i)) & 0xff);
    };
    if (data.size() < 126) {
        put(0x80 | data.size(), 1);
    } else if (data.size() < 65'536) {
        put(0x80 | 126, 1);
        put(data.size(), 2);
    } else {
        put(0x80 | 127, 1);
        put(data.size(), 8);
    }
    frame += mask;
    for (std::size_t i = 0; i < data.size(); ++i)
        frame += static_cast<char>(data[i] ^ mask[i % mask.size()]);
    // The server may close before it has all.
    std::string_view rest = frame;
    while (!rest.empty()) {
        const auto count = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (count <= 0) return;
        rest.remove_prefix(static_cast<std::size_t>(count));
    }
}

std::optional<WebSocketClient::Frame> WebSocketClient::next_frame(milliseconds longest) {
    const auto until = Clock::now() + longest;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(received_[i]); };
    for (;;) {
        if (received_.size() >= 2) {
            std::size_t size = byte(1);
            std::size_t begin = 2;
            if (size >= 126) begin += size == 126 ? 2 : 8;
            if (begin > 2 && received_.size() >= begin) {
                size = 0;
                for (std::size_t i = 2; i < begin; ++i) size = size << 8 | byte(i);
            }
            if (received_.size() >= begin && received_.size() - begin >= size) {
                cr_assert(byte(0) & 0x80, "a fragment");
                Frame frame{byte(0) & 0x0f, received_.substr(begin, size)};
                received_.erase(0, begin + size);
                return frame;
            }
        }
        if (!read_more(until)) return std::nullopt;
    }
}

std::string WebSocketClient::next(milliseconds longest) {
    const auto until = Clock::now() + longest;
    for (;;) {
        const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now());
        const auto frame = next_frame(left);
        if (!frame || frame->opcode == closing) return "<nothing>";
        if (frame->opcode == text) return frame->data;
    }
}

int WebSocketClient::close_code(milliseconds longest) {
    const auto until = Clock::now() + longest;
    for (;;) {
        const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now());
        const auto frame = next_frame(left);
        if (!frame) return has_ended_ ? 1006 : 0;
        if (frame->opcode != closing) continue;
        cr_assert_geq(frame->data.size(), 2);
        send(closing, frame->data.substr(0, 2));
        while (read_more(until)) received_.clear();
        cr_expect(has_ended_, "the connection goes on");
        return static_cast<unsigned char>(frame->data[0]) << 8 |
               static_cast<unsigned char>(frame->data[1]);
    }
}

bool WebSocketClient::read_more(Clock::time_point until) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now());
    pollfd ready{fd_, POLLIN, 0};
    if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) <= 0) return false;
    char buffer[64 * 1024];
    const auto count = recv(fd_, buffer, sizeof buffer, 0);
    has_ended_ = count <= 0;
    if (!has_ended_) received_.append(buffer, static_cast<std::size_t>(count));
    return !has_ended_;
}
