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

    // Reads once from the socket, without blocking. It has failed if the peer has closed the
    // connection or has sent anything but the rest of one request.
    Progress read_some(int socket);

    // Whether nothing of a request has arrived yet.
    bool is_empty() const { return expected_ == Record::begin_request && input_.empty(); }

    // The complete request. The views are valid until clear().
    const RawRequest& request() const { return request_; }
    std::uint16_t id() const { return id_; }
    bool is_kept() const { return is_kept_; }  // whether the peer keeps the connection open

    // Forgets the request; the next one may come.
    void clear();

private:
    bool take(Record type, std::uint16_t id, std::string_view content);
    bool begin(std::string_view content);
    bool read_variables();

    std::size_t max_body_;
    Record expected_ = Record::begin_request;  // after the last record of a request: end_request
    std::string input_;                        // a record that has not arrived as a whole
    std::string variables_;
    std::string body_;  // of one that is too large, enough to tell
    RawRequest request_;
    std::uint16_t id_ = 0;
    bool is_kept_ = false;
};
