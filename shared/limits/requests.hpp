// Requests to endpoints that take an API key, which RATE_LIMIT limits.
#pragma once

#include "shared/context.hpp"
#include "shared/http/request.hpp"

// Counts one request of the API key that was proved, over all endpoints that take one and all of
// their processes, and gives the answer the headers of the limit. Throws ApiError (429) beyond it.
Async<> count_request(const Request& request, Context& context);
