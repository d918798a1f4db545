// A standard stream that never blocks its writers.
//
// This process and its children write to a pipe, and forward() passes on to the stream's reader
// what it accepts without waiting. If the reader stops reading, lines of the log are dropped as
// soon as more are waiting than a pipe can hold. If the reader has gone, all lines are dropped.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

// Opens the terminal that is this stream. Writing to the descriptor never blocks.
int open_terminal(int stream);

class Relay {
public:
    // Takes a line, without its end, and returns what is passed on in its place.
    using Edit = std::function<std::string(std::string_view)>;

    // Replaces `stream`, STDOUT_FILENO or STDERR_FILENO, by a pipe to the present STDERR_FILENO.
    // Throws std::system_error.
    Relay(int stream, Edit edit);
    // Passes on what the reader accepts at once, and restores the stream.
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    // Adds the descriptors to wait for.
    void watch(std::vector<pollfd>& descriptors) const;

    // Reads once from the pipe and writes what the reader accepts. Returns true if it has read
    // anything.
    bool forward();

private:
    void take(std::string_view text);
    void keep(std::string_view text);
    void put();
    std::string_view next_chunk(std::size_t begin) const;

    int stream_;
    Edit edit_;
    int original_ = -1;
    int sink_ = -1;     // what the pipe is passed on to
    int pipe_ = -1;     // the read end
    std::string line_;  // the beginning of one
    std::string text_;  // lines waiting for the reader
    int dropped_ = 0;
};
