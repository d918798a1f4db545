#include "shared/websocket/websocket.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <memory>

#include "shared/json/writer.hpp"
#include "shared/log.hpp"
#include "shared/metrics/counters.hpp"
#include "shared/scope_exit.hpp"
#include "shared/server/raw_request.hpp"
#include "shared/server/serve.hpp"
#include "shared/server/server.hpp"
#include "shared/text.hpp"

namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::asio::redirect_error;
using boost::system::error_code;
using Head = http::request<http::empty_body>;
using websocket::close_code;

constexpr std::size_t max_message_bytes = 65'536;
constexpr const char* user_refused = "the user was disabled or deleted";
constexpr const char* expired_proof = "the token has expired";
constexpr std::uint32_t max_head_bytes = 96 * 1024;  // larger than nginx's buffers

class WebSocket final : public Stream, public std::enable_shared_from_this<WebSocket> {
public:
    WebSocket(Loop& loop, Socket socket, const WebSocketLimits& limits)
        : Stream{loop},
          loop_(loop),
          longest_write_(limits.write),
          socket_(std::move(socket)),
          free_(loop, Clock::time_point::max()) {
        socket_.set_option(websocket::stream_base::timeout{limits.handshake, limits.silence, true});
        // Beast would close before it has read the rest, and nginx would then drop the reason.
        socket_.read_message_max(0);
        socket_.auto_fragment(false);
    }

    // Returns false if the handshake fails.
    Async<bool> accept(const Head& head, std::string request_id) {
        const auto decorate = [request_id = std::move(request_id)](auto& response) {
            response.erase(http::field::server);
            if (!request_id.empty()) response.set("X-Request-ID", request_id);
        };
        socket_.set_option(websocket::stream_base::decorator(decorate));
        error_code error;
        co_await socket_.async_accept(head, redirect_error(use_awaitable, error));
        co_return !error;
    }

    Async<> write(std::string_view lines) override {
        while (!lines.empty()) {
            const auto line = lines.substr(0, lines.find('\n'));
            co_await send(line);
            lines.remove_prefix(std::min(lines.size(), line.size() + 1));
        }
    }

    void abort() override {
        is_aborted_ = true;
        error_code ignored;
        socket_.next_layer().close(ignored);
    }

    // Answers messages until the peer closes or must be closed. The stream is then over, even if an
    // answer could not be sent.
    Async<> read() {
        const ScopeExit end_stream{[this] { end(); }};
        beast::flat_buffer buffer;
        while (!is_over()) {
            error_code error;
            const auto limit = max_message_bytes + 1 - buffer.size();
            co_await socket_.async_read_some(buffer, limit, redirect_error(use_awaitable, error));
            if (error || is_over()) break;
            if (socket_.got_binary()) code_ = close_code::unknown_data;
            if (buffer.size() > max_message_bytes) code_ = close_code::too_big;
            if (code_ != close_code::none) break;
            if (!socket_.is_message_done()) continue;
            const auto text = echo(beast::buffers_to_string(buffer.data()));
            buffer.consume(buffer.size());
            co_await send(text);
        }
    }

    // Closes the connection unless it is closed already. A fault of the peer replaces the reason.
    Async<> close(websocket::close_reason reason) {
        if (is_aborted_ || !socket_.is_open()) co_return;
        if (code_ != close_code::none) reason = {code_};
        error_code ignored;
        co_await socket_.async_close(reason, redirect_error(use_awaitable, ignored));
    }

    // Returns false if the peer has disconnected.
    bool is_open() const { return !is_aborted_ && socket_.is_open(); }

private:
    static std::string echo(std::string_view text) {
        std::string message;
        json::Writer writer{message};
        writer.begin_object();
        writer.key("data");
        writer.string(text);
        writer.key("type");
        writer.string("message");
        writer.end_object();
        return message;
    }

    // Beast accepts one message at a time, and two coroutines send messages.
    Async<> send(std::string_view text) {
        while (is_sending_) co_await expired(free_);
        is_sending_ = true;
        Timer timer{loop_, longest_write_};
        timer.async_wait([weak = weak_from_this()](error_code error) {
            const auto self = weak.lock();
            if (!error && self) self->abort();
        });
        error_code error;
        const boost::asio::const_buffer bytes{text.data(), text.size()};
        co_await socket_.async_write(bytes, redirect_error(use_awaitable, error));
        is_sending_ = false;
        free_.cancel();
        if (error) throw boost::system::system_error{error};
    }

    Loop& loop_;
    Clock::duration longest_write_;
    websocket::stream<Socket, false> socket_;
    Timer free_;  // wakes a coroutine that waits to send
    close_code code_ = close_code::none;
    bool is_sending_ = false;
    bool is_aborted_ = false;
};

std::string_view header_of(const Head& head, std::string_view name) {
    const auto value = head[beast::string_view{name.data(), name.size()}];
    return {value.data(), value.size()};
}

RawRequest raw_of(const Head& head) {
    RawRequest raw;
    raw.method = {head.method_string().data(), head.method_string().size()};
    raw.target = {head.target().data(), head.target().size()};
    for (const auto& field : request_fields())
        if (!field.header.empty()) raw.*field.member = header_of(head, field.header);
    return raw;
}

// Beast would answer the other faults with a page of its own.
bool is_upgrade(const Head& head) {
    return websocket::is_upgrade(head) && !header_of(head, "Host").empty() &&
           !header_of(head, "Sec-WebSocket-Key").empty() &&
           header_of(head, "Sec-WebSocket-Version") == "13";
}

Async<Response> forbid(const Request&, Context&) {
    throw ApiError{Error::forbidden};
    co_return Response::no_content();
}

// A page of another site must not use a ticket that it has obtained.
bool is_welcome(const Head& head, const Config& config) {
    const auto origin = header_of(head, "Origin");
    if (origin.empty()) return true;
    const auto scheme = origin.find("://");
    if (scheme != origin.npos && ascii_iequals(origin.substr(scheme + 3), header_of(head, "Host")))
        return true;
    const auto& allowed = config.allowed_origins;
    return std::find(allowed.begin(), allowed.end(), origin) != allowed.end();
}

websocket::close_reason refusal_for(const Response& response) {
    if (response.status() >= 500) return {close_code::internal_error};
    if (response.status() == 429) return {close_code::try_again_later, "too many streams"};
    if (response.status() == 403) return {close_code::policy_error, "the origin is not allowed"};
    if (response.status() == 422) return {close_code::policy_error, "the query is invalid"};
    if (response.header("WWW-Authenticate").find("invalid_token") != std::string_view::npos)
        return {close_code::policy_error, "the token is invalid or has expired"};
    return {close_code::policy_error, "authentication required"};
}

class WebSocketServer final : public Server {
public:
    WebSocketServer(int listener, Loop& loop, const Endpoint& endpoint, Handler open,
                    Context& context, const WebSocketLimits& limits)
        : Server{listener, loop, context},
          endpoint_(endpoint),
          opening_(endpoint),
          unwelcome_(endpoint),
          limits_(limits) {
        for (auto& operation : opening_.operations) operation.handler = open;
        for (auto& operation : unwelcome_.operations) operation.handler = forbid;
    }

private:
    Async<> serve(Socket accepted) override {
        const auto socket = std::make_shared<Socket>(std::move(accepted));
        // The timeout for the request, and for the answer unless it is a WebSocket, which has
        // timers of its own.
        Timer timer{loop(), limits_.handshake};
        timer.async_wait([weak = std::weak_ptr{socket}](error_code error) {
            const auto late = weak.lock();
            error_code ignored;
            if (!error && late) late->close(ignored);
        });
        beast::flat_buffer buffer;
        http::request_parser<http::empty_body> parser;
        parser.header_limit(max_head_bytes);
        error_code error;
        co_await http::async_read_header(*socket, buffer, parser,
                                         redirect_error(use_awaitable, error));
        if (error) {
            logging::debug("could not read the request",
                           {{"reason", std::string_view{error.message()}}});
            co_return;
        }
        const Head head = parser.release();
        const RawRequest raw = raw_of(head);
        // A peer must not send more before it gets an answer.
        if (!is_upgrade(head) || buffer.size() > 0) {
            const Response response = co_await answer(raw, endpoint_, context());
            co_await respond(*socket, response);
            co_return;
        }
        timer.cancel();
        const auto& target_endpoint = is_welcome(head, context().config) ? opening_ : unwelcome_;
        const Response response = co_await answer(raw, target_endpoint, context());
        const auto stream = std::make_shared<WebSocket>(loop(), std::move(*socket), limits_);
        std::string request_id{response.header("X-Request-ID")};
        const bool is_accepted = co_await stream->accept(head, std::move(request_id));
        if (!is_accepted) co_return;
        if (response.stream())
            co_await send_all(stream, response.stream());
        else
            co_await stream->close(refusal_for(response));
    }

    static Async<> respond(Socket& socket, const Response& response) {
        auto text = "HTTP/1.1 " + cgi_head(response).substr(sizeof "Status: " - 1);
        text.insert(text.size() - 2, "Connection: close\r\n");
        text += response.body();
        const auto bytes = boost::asio::buffer(text);
        co_await boost::asio::async_write(socket, bytes, use_awaitable);
    }

    static Async<> read(std::shared_ptr<WebSocket> stream) { co_await stream->read(); }

    Async<> send_all(std::shared_ptr<WebSocket> stream, const StreamBody& body) {
        const OpenStream open{*this, *stream};
        const metrics::Present counted{metrics::Stream::websocket};
        start(read(stream));
        bool has_failed = false;
        try {
            co_await body(*stream);
        } catch (const std::exception& error) {
            has_failed = stream->is_open();
            if (has_failed)
                logging::error("stream failed", {{"reason", std::string_view{error.what()}}});
        }
        // A feed ends the stream of a refused user (shared/events/feed.hpp).
        const websocket::close_reason reason =
            has_failed          ? websocket::close_reason{close_code::internal_error}
            : is_stopping()     ? websocket::close_reason{close_code::going_away}
            : stream->is_over() ? websocket::close_reason{close_code::policy_error, user_refused}
                                : websocket::close_reason{close_code::policy_error, expired_proof};
        stream->end();
        co_await stream->close(reason);
    }

    const Endpoint& endpoint_;
    Endpoint opening_;    // the endpoint for requests that open a WebSocket
    Endpoint unwelcome_;  // and for those from pages of other sites
    WebSocketLimits limits_;
};

}  // namespace

void serve_websocket(int listener, Loop& loop, const Endpoint& endpoint, Handler open,
                     Context& context, const WebSocketLimits& limits) {
    WebSocketServer{listener, loop, endpoint, open, context, limits}.run();
}
