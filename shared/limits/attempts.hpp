// Attempts to log in or sign up, which LOGIN_RATE_LIMIT limits.
#pragma once

#include <string>
#include <string_view>

#include "shared/context.hpp"
#include "shared/http/request.hpp"

// Counts one attempt for the client's address, and then one for the e-mail in lower case, over all
// endpoints that call this and all of their processes. Every attempt counts, whatever its outcome.
// Adds the headers of the limit that is closer to exhaustion to the answer. Throws ApiError (429)
// if a limit is exceeded; a refused address does not count for the e-mail.
Async<> count_attempt(const Request& request, Context& context, const std::string& email);

// The part of the address that identifies a client: an IPv4 address, or the first 64 bits of an
// IPv6 address, because a client can choose the others. Empty for anything else.
std::string client_network(std::string_view address);
