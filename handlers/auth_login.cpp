// /auth/login: an e-mail and a password for a token.
// POST → 200 token | 401 | 413 | 415 | 422
#include "shared/endpoint.hpp"
#include "shared/models/account.hpp"
#include "shared/text.hpp"
#include "sql/users.hpp"

namespace {

Async<Response> post(const Request& request, Context& context) {
    const auto credentials = request.body<Credentials>();
    const auto account =
        co_await context.db.maybe<Account>(sql::find_account, ascii_lower(credentials.email));
    const auto hash = account ? account->password_hash : std::nullopt;
    const bool is_right = co_await context.passwords.matches(credentials.password, hash);
    if (!is_right) throw ApiError{Error::invalid_credentials};
    co_return Response::ok(IssuedToken{
        .access_token = context.tokens.issue({account->id, account->email}),
        .expires_in = context.tokens.lifetime_seconds(),
    });
}

}  // namespace

const Endpoint endpoint{
    .path = "/auth/login",
    .family = Family::orchestrator,
    .operations = {{.method = Method::post,
                    .handler = post,
                    .summary = "Log in with e-mail and password",
                    .request_schema = schema_of<Credentials>,
                    .answer = {200, schema_of<IssuedToken>},
                    .errors = {Error::invalid_credentials}}},
};
