#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "shared/number.hpp"
#include "shared/server/raw_request.hpp"
#include "shared/server/serve.hpp"

namespace {

// Reads CONTENT_LENGTH bytes or, if that variable is not set (a person at a shell) and the method
// has a body, all of stdin. One byte more than the limit is enough to detect a body that is too
// large.
std::string read_body(std::string_view method, std::size_t max_body) {
    std::size_t limit = max_body + 1;
    if (const char* length = std::getenv("CONTENT_LENGTH"); length && *length) {
        limit = std::min(limit, parse_number<std::size_t>(length).value_or(limit));
    } else if (method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "DELETE") {
        return {};
    }
    std::string body(limit, '\0');
    std::size_t size = 0;
    while (size < limit) {
        const auto count = read(STDIN_FILENO, body.data() + size, limit - size);
        if (count <= 0) break;
        size += static_cast<std::size_t>(count);
    }
    body.resize(size);
    return body;
}

void write_all(std::string_view text) {
    while (!text.empty()) {
        const auto count = write(STDOUT_FILENO, text.data(), text.size());
        if (count <= 0) throw std::runtime_error("cannot write to stdout");
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

// A stream to stdout that lasts until the process is ended.
class StdoutStream final : public Stream {
public:
    using Stream::Stream;
    Async<> write(std::string_view bytes) override {
        write_all(bytes);
        co_return;
    }
    void abort() override {}
};

}  // namespace

void answer_cgi(Loop& loop, const Endpoint& endpoint, Context& context) {
    RawRequest raw = read_variables(environ);
    const std::string body = read_body(raw.method, endpoint.max_body);
    raw.is_body_too_large = body.size() > endpoint.max_body;
    if (!raw.is_body_too_large) raw.body = body;

    const auto run = [&]() -> Async<> {
        const Response response = co_await answer(raw, endpoint, context);
        write_all(cgi_head(response));
        write_all(response.body());
        if (response.stream()) {
            StdoutStream stream{loop};
            co_await response.stream()(stream);
        }
        context.db.close();
    };
    spawn(loop, run(), rethrow);
    loop.run();
}
