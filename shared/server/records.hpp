// The records of FastCGI (FastCGI Specification 1.0, sections 3.3 and 5), and what writes the
// answer to one request: STDOUT records, an empty STDOUT, END_REQUEST.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

// The types that are read and written by name (section 8).
enum class RecordType : std::uint8_t {
    begin_request = 1,
    end_request = 3,
    params = 4,
    standard_input = 5,
    standard_output = 6,
};

// A record is a header, its content, and padding. The header consists of the version, the type, the
// id of the request and the size of the content in two bytes each, the size of the padding, and a
// zero.
inline constexpr char record_version = 1;
inline constexpr std::size_t record_header_bytes = 8;

// An empty FCGI_STDERR record. nginx drops an idle connection that receives one, and does not keep
// a connection that receives one after END_REQUEST. A stopping server closes its connections this
// way without losing a request that is already on the wire.
inline constexpr std::string_view stop_record{"\x01\x07\x00\x01\x00\x00\x00\x00", 8};

// A copy of a part of an answer, as STDOUT records.
std::string stdout_records(std::uint16_t request_id, std::string_view content);

// The bytes of one answer. The head and the body are not copied and must live until all is written.
class ResponseRecords {
public:
    ResponseRecords(std::uint16_t request_id, std::string_view head, std::string_view body);

    // Appends the stop record, once. Has no effect after everything was written.
    void add_stop_record();

    // Writes as much as the socket takes without blocking. Returns false if something is left;
    // throws std::system_error if the peer has closed the connection.
    bool write_some(int socket);

private:
    void add_stdout(std::string_view content);
    void add_header(RecordType type, std::size_t content_length);

    std::uint16_t request_id_;
    std::deque<std::array<char, 16>> headers_;  // stable addresses
    std::vector<iovec> parts_;
    std::size_t first_ = 0;  // the next part to write
    bool has_stop_record_ = false;
};
