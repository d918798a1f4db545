// /api/auth/signin: exchanges an e-mail address and a password for a token and the account.
// POST → 200 token and account | 401 | 413 | 415 | 422 | 429
#include "shared/accounts/accounts.hpp"
#include "shared/handler.hpp"

namespace {

Async<Response> post(const Request& request, Context& context) {
    const auto account = co_await log_in(request, context);
    co_return Response::ok(SignedIn{
        .token = context.tokens.issue({account.id, account.email}),
        .expires_in = context.tokens.lifetime_seconds(),
        .user = {account.id, account.email, account.name, account.created_at},
    });
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/api/auth/signin",
        .shape = Shape::enveloped,
        .operations = {{.method = Method::post,
                        .handler = post,
                        .name = "signIn",
                        .summary = "Sign in with e-mail and password",
                        .description = "Returns a token and the account with this e-mail and "
                                       "password. A wrong password and an unknown address are both "
                                       "401. Attempts are limited for each address and each client "
                                       "network.",
                        .request_schema = schema_of<Credentials>,
                        .answer = ok<SignedIn>(),
                        .message = "Signed in",
                        .counts_attempts = true,
                        .hashes_passwords = true,
                        .issues_tokens = true,
                        .errors = {Error::invalid_credentials}}},
    };
}
