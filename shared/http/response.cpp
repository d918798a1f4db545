#include "shared/http/response.hpp"

#include <stdexcept>

#include "shared/digest.hpp"
#include "shared/error.hpp"
#include "shared/text.hpp"

namespace {

std::string_view reason(int status) {
    switch (status) {
        case 200: return "OK";
        case 201: return "Created";
        case 204: return "No Content";
        case 304: return "Not Modified";
        default: break;
    }
    for (const auto& error : error_registry())
        if (error.status == status) return error.title;
    return "Unknown";
}

}  // namespace

Response Response::stream(std::string content_type, StreamBody body) {
    auto response = Response{200, {}}.with("Content-Type", std::move(content_type));
    response.stream_ = std::move(body);
    response.has_length_ = false;
    return response;
}

Response::Response(int status, std::string body)
    : status_(status), body_(std::move(body)), content_length_(body_.size()) {}

Response Response::cached(std::shared_ptr<const std::string> body, std::string etag,
                          std::string pagination) {
    Response response{200, {}};
    response.shared_body_ = std::move(body);
    response.content_length_ = response.shared_body_->size();
    response.etag_ = std::move(etag);
    response.pagination_ = std::move(pagination);
    return response;
}

Response Response::not_modified(std::string etag) {
    Response response{304, {}};
    response.etag_ = std::move(etag);
    return response;
}

Response Response::list(std::string items, const Pagination& pagination) {
    Response response{200, std::move(items)};
    response.pagination_ = json::write(pagination);
    return response;
}

void Response::set(std::string_view name, std::string value) {
    if (has_control_bytes(name) || has_control_bytes(value))
        throw std::invalid_argument("control byte in header " + std::string{name});
    for (auto& [existing, old] : headers_)
        if (existing == name) {
            old = std::move(value);
            return;
        }
    headers_.emplace_back(name, std::move(value));
}

Response&& Response::with(std::string_view name, std::string value) && {
    set(name, std::move(value));
    return std::move(*this);
}

void Response::tag() {
    etag_ =
        pagination_.empty() ? entity_tag(body()) : entity_tag(std::string{body()} + pagination_);
}

void Response::wrap(std::string_view message) {
    std::string wrapped;
    wrapped.reserve(body().size() + pagination_.size() + message.size() + 80);
    wrapped.append(R"({"data":)").append(body()).append(R"(,"message":)");
    wrapped.append(message.empty() ? "null" : json::write(std::string{message}));
    if (!pagination_.empty()) wrapped.append(R"(,"pagination":)").append(pagination_);
    body_ = wrapped.append(R"(,"success":true})");
    shared_body_.reset();
    content_length_ = body_.size();
}

std::string_view Response::header(std::string_view name) const {
    for (const auto& [existing, value] : headers_)
        if (existing == name) return value;
    return {};
}

void Response::make_not_modified() {
    status_ = 304;
    drop_body();
    content_length_ = 0;
}

void Response::drop_body() {
    stream_ = nullptr;
    body_.clear();
    shared_body_.reset();
}

std::string cgi_head(const Response& response) {
    std::string head;
    head.reserve(512);
    head.append("Status: ").append(std::to_string(response.status())).append(" ");
    head.append(reason(response.status())).append("\r\n");
    for (const auto& [name, value] : response.headers())
        head.append(name).append(": ").append(value).append("\r\n");
    if (!response.etag().empty()) head.append("ETag: ").append(response.etag()).append("\r\n");
    // RFC 9110, section 8.6: no Content-Length with 204 and 304, nor if the length is not known.
    if (response.has_content_length() && response.status() != 204 && response.status() != 304)
        head.append("Content-Length: ")
            .append(std::to_string(response.content_length()))
            .append("\r\n");
    return head += "\r\n";
}
