#include "shared/server/request_reader.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <optional>

#include "shared/server/raw_request.hpp"

namespace {

// Far more than nginx's buffers for headers.
constexpr std::size_t max_variables = 262'144;

// What each buffer of a connection keeps between two requests.
constexpr std::size_t most_kept = 16'384;

std::size_t byte_at(std::string_view bytes, std::size_t i) {
    return static_cast<unsigned char>(bytes[i]);
}

// Removes `size` bytes from the front, or all if there are fewer.
std::string_view cut(std::string_view& bytes, std::size_t size) {
    const auto front = bytes.substr(0, size);
    bytes.remove_prefix(front.size());
    return front;
}

// A length takes one byte, or four if the first bit is set (section 3.4).
std::optional<std::size_t> cut_length(std::string_view& bytes) {
    const bool is_long = !bytes.empty() && byte_at(bytes, 0) > 127;
    const auto length = cut(bytes, is_long ? 4 : 1);
    if (length.size() < (is_long ? 4 : 1)) return std::nullopt;
    std::size_t value = byte_at(length, 0) & 127;
    for (std::size_t i = 1; i < length.size(); ++i) value = value << 8 | byte_at(length, i);
    return value;
}

}  // namespace

RequestReader::Progress RequestReader::read_some(int socket) {
    char buffer[16 * 1024];
    const auto count = recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return Progress::incomplete;
    if (count <= 0) return Progress::failed;
    input_.append(buffer, static_cast<std::size_t>(count));
    std::string_view rest = input_;
    while (rest.size() >= record_header_bytes) {
        const auto id = static_cast<std::uint16_t>(byte_at(rest, 2) << 8 | byte_at(rest, 3));
        const auto size = byte_at(rest, 4) << 8 | byte_at(rest, 5);
        const auto whole = record_header_bytes + size + byte_at(rest, 6);
        if (rest.size() < whole) break;
        const auto record = cut(rest, whole);
        if (record.front() != record_version ||
            !take(RecordType{static_cast<std::uint8_t>(record[1])}, id,
                  record.substr(record_header_bytes, size)))
            return Progress::failed;
    }
    input_.erase(0, input_.size() - rest.size());
    if (expected_ != RecordType::end_request) return Progress::incomplete;
    return input_.empty() ? Progress::complete : Progress::failed;
}

void RequestReader::clear() {
    expected_ = RecordType::begin_request;
    request_ = {};
    for (auto* const buffer : {&input_, &variables_, &body_}) {
        buffer->clear();
        // A connection is kept for an hour, and few requests are large.
        if (buffer->capacity() > most_kept) buffer->shrink_to_fit();
    }
}

void RequestReader::release() {
    request_ = {};
    for (auto* const buffer : {&input_, &variables_, &body_}) std::string{}.swap(*buffer);
}

// Returns false for a record that is not the next one of a request.
bool RequestReader::take(RecordType type, std::uint16_t id, std::string_view content) {
    if (type != expected_ || expected_ == RecordType::end_request) return false;
    if (type == RecordType::begin_request) {
        id_ = id;
        expected_ = RecordType::params;
        return id != 0 && begin(content);
    }
    if (id != id_) return false;
    if (type == RecordType::params) {
        variables_ += content;
        if (!content.empty()) return variables_.size() <= max_variables;
        expected_ = RecordType::standard_input;
        return parse_variables();
    }
    if (body_.size() <= max_body_) body_ += content;
    if (!content.empty()) return true;
    expected_ = RecordType::end_request;
    request_.is_body_too_large = body_.size() > max_body_;
    if (!request_.is_body_too_large) request_.body = body_;
    return true;
}

bool RequestReader::begin(std::string_view content) {
    constexpr std::size_t responder = 1;
    if (content.size() != 8) return false;
    is_kept_ = (byte_at(content, 2) & 1) != 0;
    return (byte_at(content, 0) << 8 | byte_at(content, 1)) == responder;
}

bool RequestReader::parse_variables() {
    for (std::string_view rest = variables_; !rest.empty();) {
        const auto name_size = cut_length(rest);
        const auto value_size = cut_length(rest);
        if (!name_size || !value_size || *name_size + *value_size > rest.size()) return false;
        const auto name = cut(rest, *name_size);
        set_variable(request_, name, cut(rest, *value_size));
    }
    return true;
}
