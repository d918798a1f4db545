// The limits that count requests: RATE_LIMIT and USER_RATE_LIMIT.
#pragma once

#include "shared/context.hpp"
#include "shared/http/request.hpp"

// Counts one request for the caller's API key, over all endpoints that take one and all of their
// processes, and adds the headers of the limit to the answer. Throws ApiError (429) if the limit is
// exceeded.
Async<> count_request(const Request& request, Context& context);

// Counts one write for the caller's user id, or else the API key, over all endpoints that take a
// token and all of their processes. Otherwise as count_request(), with USER_RATE_LIMIT.
Async<> count_write(const Request& request, Context& context);
