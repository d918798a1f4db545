// A client of a WebSocket (RFC 6455) that says what came in each frame, and sends what it is told.
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

    // Asks for the upgrade and reads the answer's head. Headers as "Name: value".
    WebSocketClient(int port, const std::string& target,
                    const std::vector<std::string>& headers = {});

    const std::string& head() const { return connection_.head(); }

    // One frame, masked, with whatever opcode.
    void send(Opcode opcode, std::string_view data);

    // Nullopt when nothing came in time, or the connection has ended.
    std::optional<Frame> next_frame(milliseconds longest = milliseconds{10'000});

    // The next text; what comes before it is passed over. "<nothing>" when there is none.
    std::string next(milliseconds longest = milliseconds{10'000});

    // Reads up to the close, answers it and waits for the end of the connection. 1006 when that
    // ended without one (section 7.1.5), 0 when nothing ended.
    int close_code(milliseconds longest = milliseconds{10'000});

private:
    HttpConnection connection_;
};
