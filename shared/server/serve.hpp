// The ways an executable answers: many requests over FastCGI, or one as CGI.
#pragma once

#include "shared/context.hpp"
#include "shared/endpoint.hpp"
#include "shared/http/request.hpp"
#include "shared/http/response.hpp"

// Turns a raw request into the response that is sent. Never throws: every failure becomes the error
// body in the endpoint's shape. The one place that calls, in this order, routing, method and media
// type checks, authentication, the handler, and rendering.
Async<Response> answer(const RawRequest& raw, const Endpoint& served, Context& context);

// Serves FastCGI on the listening socket `listener` until SIGTERM or SIGINT, then finishes what
// runs and returns; after `longest_stop` (server.hpp) it ends the process instead.
void serve_fastcgi(int listener, Loop& loop, const Endpoint& served, Context& context);

// Answers the one request in the environment and on stdin (RFC 3875) on stdout, and closes the
// database. Throws std::system_error when stdout takes no more.
void answer_cgi(Loop& loop, const Endpoint& served, Context& context);
