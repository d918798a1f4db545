// /auth/login: exchanges an e-mail address and a password for a token.
// POST → 200 token | 401 | 413 | 415 | 422 | 429
#include "shared/accounts/accounts.hpp"
#include "shared/handler.hpp"

namespace {

Async<Response> post(const Request& request, Context& context) {
    const auto account = co_await log_in(request, context);
    co_return Response::ok(IssuedToken{
        .access_token = context.tokens.issue({account.id, account.email}),
        .expires_in = context.tokens.lifetime_seconds(),
    });
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/auth/login",
        .operations = {{.method = Method::post,
                        .handler = post,
                        .name = "logIn",
                        .summary = "Log in with e-mail and password",
                        .description =
                            "Returns a token for the account with this e-mail and "
                            "password, without the envelope of `/api`. A wrong password "
                            "and an unknown address are both 401. Attempts are limited for "
                            "each address and each client network.",
                        .request_schema = schema_of<Credentials>,
                        .answer = ok<IssuedToken>(),
                        .counts_attempts = true,
                        .hashes_passwords = true,
                        .issues_tokens = true,
                        .errors = {Error::invalid_credentials}}},
    };
}
