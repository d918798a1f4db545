// A connection to a port on loopback, for a response that continues after its head.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

class HttpConnection {
public:
    // Sends a request and reads the head of the response. The request line has no line end; headers
    // are "Name: value".
    HttpConnection(int port, const std::string& request_line,
                   const std::vector<std::string>& headers);
    ~HttpConnection();
    HttpConnection(HttpConnection&& moved) noexcept;
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    // Empty if the peer closed early or no head arrived within 10 s.
    const std::string& head() const { return head_; }

    // What arrived after the head. The caller erases what it has used.
    std::string& received() { return received_; }

    // Waits for more. Returns false if nothing arrived until then or the connection has ended.
    bool read_more(std::chrono::steady_clock::time_point until);
    bool has_ended() const { return has_ended_; }

    // Returns false if the peer closed before it had received everything.
    bool send(std::string_view bytes) const;

private:
    int fd_;
    std::string received_;
    std::string head_;
    bool has_ended_ = false;
};
