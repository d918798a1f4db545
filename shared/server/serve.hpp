// The ways in which an executable answers: many requests over FastCGI, or one as CGI.
#pragma once

#include "shared/context.hpp"
#include "shared/endpoint.hpp"
#include "shared/http/request.hpp"
#include "shared/http/response.hpp"

// Turns a raw request into the response to send. Never throws: every failure becomes an error body
// in the endpoint's shape. This is the one place that calls, in this order, routing, method and
// media type checks, authentication, the handler, and rendering.
Async<Response> answer(const RawRequest& raw, const Endpoint& endpoint, Context& context);

// Serves FastCGI on the listening socket `listener` until SIGTERM or SIGINT, then finishes the
// requests in progress and returns. After `longest_stop` (server.hpp) it ends the process instead.
void serve_fastcgi(int listener, Loop& loop, const Endpoint& endpoint, Context& context);

// Answers the one request in the environment and on stdin (RFC 3875) on stdout, and closes the
// database. Throws std::system_error if stdout cannot be written.
void answer_cgi(Loop& loop, const Endpoint& endpoint, Context& context);
