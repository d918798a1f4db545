// Requests to endpoints that take an API key, which RATE_LIMIT limits.
#pragma once

#include "shared/context.hpp"
#include "shared/http/request.hpp"

// Counts one request for the caller's API key, over all endpoints that take one and all of their
// processes, and adds the headers of the limit to the answer. Throws ApiError (429) if the limit is
// exceeded.
Async<> count_request(const Request& request, Context& context);
