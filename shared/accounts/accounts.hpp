// The part of logging in that both surfaces share.
#pragma once

#include "shared/context.hpp"
#include "shared/http/request.hpp"
#include "shared/models/account.hpp"

// Returns the account for the e-mail and password in the request's body. Throws ApiError: 422 for
// the body, 429 for too many attempts, before anything else, and 401. Takes the same time if the
// e-mail is unknown or has no password. Renews a hash whose cost is not the current one.
Async<Account> log_in(const Request& request, Context& context);
