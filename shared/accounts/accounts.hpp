// The part of logging in that both surfaces share.
#pragma once

#include <string>

#include "shared/context.hpp"
#include "shared/db/batch.hpp"
#include "shared/http/request.hpp"
#include "shared/models/account.hpp"

// Returns the account for the e-mail and password in the request's body. Throws ApiError: 422 for
// the body, 429 for too many attempts, before a hash is computed, and 401. Takes the same time if
// the e-mail is unknown or has no password, or the account is disabled. Notes the client's network
// as one that the account logs in from, and renews a hash whose cost is not the current one.
Async<Account> log_in(const Request& request, Context& context);

// Adds the statements that note a log-in of an account from a client_network(). They do nothing if
// the account does not have this hash.
void note_network(db::Batch& batch, const std::string& account_id, const std::string& password_hash,
                  const std::string& network);
