// A standard stream that never blocks whoever writes to it.
//
// This process and the children that it starts write into a pipe, and forward() passes on to the
// stream's reader whatever it takes without waiting. A reader that stands still costs lines of the
// log, once as many wait as a pipe holds, and a reader that has gone costs all of them.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

class Relay {
public:
    // Takes the place of `stream`: STDOUT_FILENO or STDERR_FILENO. Throws std::system_error.
    explicit Relay(int stream);
    // Passes on what is there, as far as the reader takes it at once, and gives the stream back.
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    // Adds what is worth waking up for.
    void watch(std::vector<pollfd>& descriptors) const;

    // Reads once from the pipe and writes what the reader takes. True when there was something.
    bool forward();

private:
    void keep(std::string_view text);
    void put();
    std::string_view next_chunk(std::size_t begin) const;

    int stream_;
    int sink_ = -1;     // the stream as it was
    int pipe_ = -1;     // its end to read from
    std::string text_;  // lines that wait for the reader
    bool is_line_begun_ = false;
    bool is_dropping_ = false;
    int dropped_ = 0;
};

// Both streams; what one of them has to say of itself still passes through the other.
struct Streams {
    Relay errors{STDERR_FILENO};
    Relay output{STDOUT_FILENO};
};
