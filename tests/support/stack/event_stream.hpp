// A reader of text/event-stream (WHATWG HTML, section 9.2) over a connection of its own.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/http_connection.hpp"

struct StreamEvent {
    std::string id;
    std::string type;
    std::string data;
};

class EventStream {
public:
    // Sends the request and reads the head of the response. Headers are "Name: value".
    EventStream(int port, const std::string& target, const std::vector<std::string>& headers = {});

    // Status line and headers, and the first block: comments, retry, and an id without an event.
    const std::string& head() const { return connection_.head(); }
    const std::string& opening() const { return opening_; }

    // Returns the next event, or nullopt if the stream has ended or nothing arrived in time.
    std::optional<StreamEvent> next(std::chrono::milliseconds longest = std::chrono::milliseconds{
                                        10'000});

    // Waits until the stream ends, skipping what arrives before. Returns false if it does not end
    // in time.
    bool ends(std::chrono::milliseconds longest = std::chrono::milliseconds{10'000});

    // The id that EventSource would send as Last-Event-ID.
    const std::string& last_id() const { return last_id_; }

    bool has_ended() const { return connection_.has_ended(); }

private:
    std::optional<std::string> take_block();

    HttpConnection connection_;
    std::string opening_;
    std::string last_id_;
};
