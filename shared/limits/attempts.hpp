// Attempts to log in or sign up, which LOGIN_RATE_LIMIT limits: all of a network, and the failed
// ones of an e-mail.
#pragma once

#include <string>
#include <string_view>

#include "shared/context.hpp"
#include "shared/http/request.hpp"

// Counts one attempt for the client's network, over all endpoints that call this and all of their
// processes. Every attempt counts, whatever its outcome. A /48 of IPv6 may make ten times as many
// as each of its /64s; an attempt that the /64 refuses does not count for the /48. Adds the headers
// of the /64's limit, or of the /48's where that refuses, to the answer. Throws ApiError (429) if a
// limit is exceeded.
Async<> count_attempt(const Request& request, Context& context);

// Whose failures to log in are counted together: those with an e-mail (in lower case) from one
// network that its account has logged in from, or from all other networks if `network` is empty.
struct Failures {
    std::string email;
    std::string network;
};

// Counts an attempt as failed before its password is compared, so that concurrent guesses cannot
// exceed the limit. An e-mail may have LOGIN_RATE_LIMIT failures, and ten times as many a day.
// Throws ApiError (429) with Retry-After if one of the two is exceeded, and then counts nothing.
// Adds no other header, because these counts are not public.
Async<> count_failure(const Request& request, Context& context, const Failures& failures);

// Takes that back, because the attempt did not fail.
Async<> forgive_failure(Context& context, const Failures& failures);

// Logs a refusal, see Refusals. An address names a person, so the log has only the beginning of its
// SHA-256, by which an operator can find the refusals of a given address.
void log_refused_login(const Request& request, const std::string& email, const std::string& reason);

// The part of the address that identifies a client: an IPv4 address, or the first 64 bits of an
// IPv6 address, because a client can choose the others. Empty for anything else.
std::string client_network(std::string_view address);

// The site that a client_network() belongs to: the /48 of an IPv6 network, because one customer may
// get that many, and an IPv4 address itself.
std::string_view client_site(std::string_view network);
