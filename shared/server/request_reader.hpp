// Reads FastCGI requests to a responder (FastCGI Specification 1.0, sections 3 to 5), as servers
// send them: one at a time, and first all variables.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/http/request.hpp"
#include "shared/server/records.hpp"

class RequestReader {
public:
    enum class Progress { incomplete, complete, failed };

    explicit RequestReader(std::size_t max_body) : max_body_(max_body) {}
    RequestReader(const RequestReader&) = delete;
    RequestReader& operator=(const RequestReader&) = delete;

    // Reads once from the socket, without blocking. It has failed if the peer has closed the
    // connection or has sent anything but the rest of one request.
    Progress read_some(int socket);

    // Whether nothing of a request has arrived yet.
    bool is_empty() const { return expected_ == RecordType::begin_request && input_.empty(); }

    // The complete request. The views are valid until clear().
    const RawRequest& request() const { return request_; }
    std::uint16_t id() const { return id_; }
    bool is_kept() const { return is_kept_; }  // whether the peer keeps the connection open

    // Forgets the request; the next one may come.
    void clear();

    // Frees the request, behind which no other comes.
    void release();

private:
    bool take(RecordType type, std::uint16_t id, std::string_view content);
    bool begin(std::string_view content);
    bool parse_variables();

    std::size_t max_body_;
    RecordType expected_ =
        RecordType::begin_request;  // after the last record of a request: end_request
    std::string input_;             // a record that has not arrived as a whole
    std::string variables_;
    std::string body_;  // of a body over max_body_, at least one byte more than that
    RawRequest request_;
    std::uint16_t id_ = 0;
    bool is_kept_ = false;
};
