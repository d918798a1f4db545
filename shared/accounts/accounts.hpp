// What logging in on either surface has in common.
#pragma once

#include "shared/context.hpp"
#include "shared/http/request.hpp"
#include "shared/models/account.hpp"

// The account that the e-mail and password in the request's body open. Throws ApiError: 422 for the
// body, 429 for too many attempts, before anything else is done, and 401. It takes the same time
// for an e-mail that is unknown or has no password. A hash of another cost than the current one is
// renewed.
Async<Account> log_in(const Request& request, Context& context);
