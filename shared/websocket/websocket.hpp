// WebSocket (RFC 6455) for an endpoint that does not use FastCGI. Only this folder uses
// Boost.Beast: an executable that does not call serve_websocket() does not contain it.
#pragma once

#include <chrono>

#include "shared/endpoint.hpp"

// The time limits for a peer.
struct WebSocketLimits {
    std::chrono::milliseconds handshake =
        std::chrono::seconds{5};  // for its request, and for its answer to a close
    std::chrono::milliseconds write = std::chrono::seconds{30};    // for receiving a whole message
    std::chrono::milliseconds silence = std::chrono::seconds{40};  // pinged after half of it
};

// Serves HTTP/1.1, one request per connection, on the listening socket `listener` until SIGTERM or
// SIGINT; then closes open connections with 1001 and returns, or ends the process after 8 s.
//
// A request for a WebSocket passes through answer(), with `open` as its handler. Each line of the
// stream that this answers becomes a text message; the end of the stream closes with 1008, because
// the proof has expired. Each text message from the client is answered
// {"data":"…","type":"message"}. A request that answer() refuses is accepted and closed with 1008,
// with 1013 if a limit is exceeded, or with 1011 if it failed; so is one from a page whose origin
// is neither allowed nor this host. Any other request gets the answer of `endpoint`.
//
// The text of a close with 1008 or 1013 says why ("the token has expired").
//
// A peer gets a ping after half of the maximum silence. It is dropped if nothing arrives by the
// end, or if it exceeds another limit. A binary message closes with 1003, one above 64 KiB with
// 1009.
void serve_websocket(int listener, Loop& loop, const Endpoint& endpoint, Handler open,
                     Context& context, const WebSocketLimits& limits = {});
