#include "tests/support/web_socket.hpp"

#include "tests/support/expect.hpp"

using Clock = std::chrono::steady_clock;

namespace {

// The key is the example of RFC 6455, section 1.3.
std::vector<std::string> with_upgrade(std::vector<std::string> headers) {
    headers.insert(headers.begin(),
                   {"Upgrade: websocket", "Connection: Upgrade",
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"});
    return headers;
}

}  // namespace

WebSocketClient::WebSocketClient(int port, const std::string& target,
                                 const std::vector<std::string>& headers)
    : connection_{port, "GET " + target + " HTTP/1.1", with_upgrade(headers)} {}

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
    connection_.send(frame);
}

std::optional<WebSocketClient::Frame> WebSocketClient::next_frame(milliseconds longest) {
    const auto until = Clock::now() + longest;
    auto& received = connection_.received();
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(received[i]); };
    for (;;) {
        if (received.size() >= 2) {
            std::size_t size = byte(1);
            std::size_t begin = 2;
            if (size >= 126) begin += size == 126 ? 2 : 8;
            if (begin > 2 && received.size() >= begin) {
                size = 0;
                for (std::size_t i = 2; i < begin; ++i) size = size << 8 | byte(i);
            }
            if (received.size() >= begin && received.size() - begin >= size) {
                cr_assert(byte(0) & 0x80, "a fragment");
                Frame frame{byte(0) & 0x0f, received.substr(begin, size)};
                received.erase(0, begin + size);
                return frame;
            }
        }
        if (!connection_.read_more(until)) return std::nullopt;
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
        if (!frame) return connection_.has_ended() ? 1006 : 0;
        if (frame->opcode != closing) continue;
        cr_assert_geq(frame->data.size(), 2);
        send(closing, frame->data.substr(0, 2));
        while (connection_.read_more(until)) connection_.received().clear();
        cr_expect(connection_.has_ended(), "the connection goes on");
        return static_cast<unsigned char>(frame->data[0]) << 8 |
               static_cast<unsigned char>(frame->data[1]);
    }
}
