// Writes the answer to one FastCGI request: STDOUT records, an empty STDOUT, END_REQUEST (FastCGI
// Specification 1.0, sections 3.3 and 5). libfcgi's own writes would block the event loop.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

// An empty FCGI_STDERR record. nginx drops an idle connection on which it arrives, and does not
// keep one on which it follows END_REQUEST: how a server that stops gets rid of connections without
// losing the request that may be under way on them.
inline constexpr std::string_view stop_record{"\x01\x07\x00\x01\x00\x00\x00\x00", 8};

// A part of an answer as STDOUT records, copied.
std::string stdout_records(std::uint16_t request_id, std::string_view content);

// The bytes of one answer. The head and body are not copied: they must live until all is written.
class ResponseRecords {
public:
    ResponseRecords(std::uint16_t request_id, std::string_view head, std::string_view body);

    // Lets the stop record follow, once; for as long as something is left to write.
    void add_stop_record();

    // Writes as much as the socket takes without waiting. False when some of it is left; throws
    // std::system_error when the peer has gone.
    bool write_some(int socket);

private:
    void add_stdout(std::string_view content);
    void add_header(std::uint8_t type, std::size_t content_length);

    std::uint16_t request_id_;
    std::deque<std::array<char, 16>> headers_;  // addresses stay
    std::vector<iovec> parts_;
    std::size_t first_ = 0;  // the part to go on with
    bool has_stop_record_ = false;
};
