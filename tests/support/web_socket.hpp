// A WebSocket client (RFC 6455) that returns each received frame and sends any frame.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/http_connection.hpp"

class WebSocketClient {
public:
    using milliseconds = std::chrono::milliseconds;
    enum Opcode : std::uint8_t { text = 1, binary = 2, closing = 8, ping = 9, pong = 10 };

    struct Frame {
        int opcode = 0;
        std::string data;
    };

    // Requests the upgrade and reads the head of the response. Headers are "Name: value".
    WebSocketClient(int port, const std::string& target,
                    const std::vector<std::string>& headers = {});

    const std::string& head() const { return connection_.head(); }

    // Sends a masked frame with any opcode.
    void send(Opcode opcode, std::string_view data);

    // Returns nullopt if nothing arrived in time or the connection has ended.
    std::optional<Frame> next_frame(milliseconds longest = milliseconds{10'000});

    // Returns the next text message and skips other frames. "<nothing>" if none arrives.
    std::string next(milliseconds longest = milliseconds{10'000});

    // Reads up to the close frame, answers it and waits until the connection ends. Returns 1006 if
    // it ended without a close frame (section 7.1.5), and 0 if it did not end.
    int close_code(milliseconds longest = milliseconds{10'000});

private:
    HttpConnection connection_;
};
