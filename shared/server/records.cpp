#include "shared/server/records.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

namespace {

// The largest content that is a multiple of 8 bytes and fits the 16-bit length.
constexpr std::size_t max_content = 65'528;

std::array<char, record_header_bytes> record_header(RecordType type, std::uint16_t request_id,
                                                    std::size_t content_length) {
    return {record_version,
            static_cast<char>(type),
            static_cast<char>(request_id >> 8),
            static_cast<char>(request_id & 0xff),
            static_cast<char>(content_length >> 8),
            static_cast<char>(content_length & 0xff)};
}

}  // namespace

std::string stdout_records(std::uint16_t request_id, std::string_view content) {
    std::string records;
    while (!content.empty()) {
        const auto chunk = content.substr(0, max_content);
        const auto header = record_header(RecordType::standard_output, request_id, chunk.size());
        records.append(header.data(), header.size()).append(chunk);
        content.remove_prefix(chunk.size());
    }
    return records;
}

ResponseRecords::ResponseRecords(std::uint16_t request_id, std::string_view head,
                                 std::string_view body)
    : request_id_(request_id) {
    add_stdout(head);
    add_stdout(body);
    add_header(RecordType::standard_output, 0);
    add_header(RecordType::end_request, 8);
    auto& end = headers_.emplace_back();  // FCGI_EndRequestBody: status 0, FCGI_REQUEST_COMPLETE
    parts_.push_back({end.data(), 8});
}

void ResponseRecords::add_stop_record() {
    if (has_stop_record_) return;
    has_stop_record_ = true;
    parts_.push_back({const_cast<char*>(stop_record.data()), stop_record.size()});
}

void ResponseRecords::add_stdout(std::string_view content) {
    while (!content.empty()) {
        const auto chunk = content.substr(0, max_content);
        add_header(RecordType::standard_output, chunk.size());
        parts_.push_back({const_cast<char*>(chunk.data()), chunk.size()});
        content.remove_prefix(chunk.size());
    }
}

void ResponseRecords::add_header(RecordType type, std::size_t content_length) {
    auto& header = headers_.emplace_back();
    const auto bytes = record_header(type, request_id_, content_length);
    std::copy(bytes.begin(), bytes.end(), header.begin());
    parts_.push_back({header.data(), record_header_bytes});
}

bool ResponseRecords::write_some(int socket) {
    while (first_ < parts_.size()) {
        msghdr message{};
        message.msg_iov = &parts_[first_];
        message.msg_iovlen = std::min<std::size_t>(parts_.size() - first_, IOV_MAX);
        const auto sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
            if (errno == EINTR) continue;
            throw std::system_error(errno, std::generic_category(), "FastCGI answer");
        }
        auto rest = static_cast<std::size_t>(sent);
        while (first_ < parts_.size() && rest >= parts_[first_].iov_len)
            rest -= parts_[first_++].iov_len;
        if (rest > 0) {
            parts_[first_].iov_base = static_cast<char*>(parts_[first_].iov_base) + rest;
            parts_[first_].iov_len -= rest;
        }
    }
    return true;
}
