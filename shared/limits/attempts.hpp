// Attempts to log in or sign up, which are limited by LOGIN_RATE_LIMIT.
#pragma once

#include <string>
#include <string_view>

#include "shared/context.hpp"
#include "shared/http/request.hpp"

// Counts one attempt for the address that the request comes from, and then one for the e-mail, in
// lower case: over all endpoints that call this and all of their processes, whatever becomes of
// the attempt. Gives the answer the headers of the limit that is nearer to its end; throws ApiError
// (429) beyond one of them, and then the e-mail is not counted for a refused address.
Async<> count_attempt(const Request& request, Context& context, const std::string& email);

// What one client has of the address that the server saw: an IPv4 address, or the first 64 bits of
// an IPv6 address, of which a client has all the others to choose from. Empty for anything else.
std::string client_network(std::string_view address);
