#include "tests/support/stack/event_stream.hpp"

#include <sstream>

using Clock = std::chrono::steady_clock;

// With HTTP/1.0 the response is not chunked.
EventStream::EventStream(int port, const std::string& target,
                         const std::vector<std::string>& headers)
    : connection_{port, "GET " + target + " HTTP/1.0", headers} {
    if (head().find("text/event-stream") == std::string::npos) return;
    const auto until = Clock::now() + std::chrono::seconds{10};
    auto block = take_block();
    while (!block && connection_.read_more(until)) block = take_block();
    opening_ = block.value_or("");
    const auto id = opening_.find("id: ");
    if (id != opening_.npos) last_id_ = opening_.substr(id + 4, opening_.find('\n', id) - id - 4);
}

std::optional<StreamEvent> EventStream::next(std::chrono::milliseconds longest) {
    const auto until = Clock::now() + longest;
    for (;;) {
        const auto block = take_block();
        if (!block) {
            if (!connection_.read_more(until)) return std::nullopt;
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
    while (connection_.read_more(until)) connection_.received().clear();
    return has_ended();
}

std::optional<std::string> EventStream::take_block() {
    auto& received = connection_.received();
    const auto end = received.find("\n\n");
    if (end == received.npos) return std::nullopt;
    auto block = received.substr(0, end + 1);
    received.erase(0, end + 2);
    return block;
}
