// A handler's answer: a status, a JSON body, and the few headers that concern the handler.
// Everything else (CORS, request id, error shapes, 304) is added in one place, server/answer.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/http/stream.hpp"
#include "shared/json/fields.hpp"

// The position of a page in its list.
struct Pagination {
    std::int64_t total = 0;
    std::int64_t limit = 0;
    std::int64_t offset = 0;
    bool has_more = false;
    std::optional<std::string> next_cursor;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("total", &Pagination::total)
                .describe("Total number of items that match the filters")
                .example("1"),
            field("limit", &Pagination::limit).example("100"),
            field("offset", &Pagination::offset).example("0"),
            field("has_more", &Pagination::has_more).example("false"),
            field("next_cursor", &Pagination::next_cursor)
                .describe("Opaque; null on the last page"),
        };
    }
};

class Response {
public:
    // 200 with a value as canonical JSON.
    template <class T>
    static Response ok(const T& value) {
        return {200, json::write(value)};
    }

    // 201 with Location.
    template <class T>
    static Response created(std::string location, const T& value) {
        return Response{201, json::write(value)}.with("Location", std::move(location));
    }

    // 200 with a part of a longer list, as canonical JSON, and its position in the list.
    static Response list(std::string items, const Pagination& pagination);

    static Response no_content() { return {204, {}}; }

    // 200 with a body that requests share, and the ETag that was computed with it. A list also has
    // its position as canonical JSON.
    static Response cached(std::shared_ptr<const std::string> body, std::string etag,
                           std::string pagination = {});

    // 304 with the ETag of the representation, which need not exist.
    static Response not_modified(std::string etag);

    // 200 with a body that is written piece by piece.
    static Response stream(std::string content_type, StreamBody body);

    Response(int status, std::string body);

    // Adds a header. Throws std::invalid_argument if the value contains a control byte, so that
    // echoed text cannot start another header.
    Response&& with(std::string_view name, std::string value) &&;
    // Sets a header in place of an existing one.
    void set(std::string_view name, std::string value);

    // Adds the ETag of the representation: the body before it is wrapped, and the pagination.
    void tag();
    // The same with an ETag that has another source than the body.
    void tag(std::string etag) { etag_ = std::move(etag); }

    // Wraps the body in the envelope of /api: {"data","message","pagination","success"}. An empty
    // message becomes null.
    void wrap(std::string_view message);

    int status() const { return status_; }
    std::string_view body() const { return shared_body_ ? *shared_body_ : body_; }
    std::string_view etag() const { return etag_; }
    // The position of a list, as canonical JSON; empty for anything else.
    std::string_view pagination() const { return pagination_; }
    const std::vector<std::pair<std::string_view, std::string>>& headers() const {
        return headers_;
    }
    // The value of a header; empty if it is not set.
    std::string_view header(std::string_view name) const;

    // 304 with the same headers and no body.
    void make_not_modified();

    // Null unless the response is a stream.
    const StreamBody& stream() const { return stream_; }

    // Removes the body for HEAD; the headers stay as they are, Content-Length included.
    void drop_body();

    // Content-Length of the body before drop_body().
    std::size_t content_length() const { return content_length_; }
    bool has_content_length() const { return has_length_; }

private:
    int status_;
    std::string body_;
    std::shared_ptr<const std::string> shared_body_;
    StreamBody stream_;
    bool has_length_ = true;
    std::string pagination_;
    std::size_t content_length_;
    std::string etag_;
    std::vector<std::pair<std::string_view, std::string>> headers_;
};

// The head of a CGI response (RFC 3875, section 6): Status, headers, empty line.
std::string cgi_head(const Response& response);
