// WebSocket (RFC 6455) where an endpoint's answer is no FastCGI. Boost.Beast speaks it, and only
// here: an executable that does not name serve_websocket() holds none of it.
#pragma once

#include <chrono>

#include "shared/endpoint.hpp"

// How long a peer may take.
struct WebSocketLimits {
    std::chrono::milliseconds handshake = std::chrono::seconds{5};  // to ask; to answer a close
    std::chrono::milliseconds write = std::chrono::seconds{30};     // to take a whole message
    std::chrono::milliseconds silence = std::chrono::seconds{40};   // a ping after half of it
};

// Serves HTTP/1.1, one request a connection, on the listening socket `listener` until SIGTERM or
// SIGINT; then closes what is open with 1001 and returns, or after 8 s ends the process.
//
// A request for a WebSocket goes through answer(), with `open` as its handler. Of the stream that
// this answers each line becomes a text message, and its end closes with 1008: the proof is good no
// longer. Each text that comes is answered {"data":"…","type":"message"}. What answer() refuses is
// accepted and closed with 1008, with 1011 when it failed; so is whoever comes from the page of an
// origin that is neither allowed nor this host. Any other request gets the answer of `served`.
//
// A peer gets a ping in the middle of the longest silence, and is dropped when nothing has come by
// the end of it, or when it takes longer than another limit; a binary message closes with 1003, one
// above 64 KiB with 1009.
void serve_websocket(int listener, Loop& loop, const Endpoint& served, Handler open,
                     Context& context, const WebSocketLimits& limits = {});
