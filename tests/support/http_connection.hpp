// A connection to a port of loopback, for an answer that goes on after its head.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

class HttpConnection {
public:
    // Sends a request, whose first line has no end of line and whose headers are "Name: value", and
    // reads the head of the answer.
    HttpConnection(int port, const std::string& request_line,
                   const std::vector<std::string>& headers);
    ~HttpConnection();
    HttpConnection(HttpConnection&& moved) noexcept;
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    // Empty when the peer closed before, or none came within 10 s.
    const std::string& head() const { return head_; }

    // What came after it. The caller erases what it has used.
    std::string& received() { return received_; }

    // Waits for more. False when nothing came until then, or the connection has ended.
    bool read_more(std::chrono::steady_clock::time_point until);
    bool has_ended() const { return has_ended_; }

    // False when the peer closed before it had all.
    bool send(std::string_view bytes) const;

private:
    int fd_;
    std::string received_;
    std::string head_;
    bool has_ended_ = false;
};
