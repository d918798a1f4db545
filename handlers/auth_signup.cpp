// /api/auth/signup: creates an account.
// POST → 201 account | 403 | 409 | 413 | 415 | 422 | 429
#include "shared/accounts/accounts.hpp"
#include "shared/handler.hpp"
#include "shared/limits/attempts.hpp"
#include "shared/log.hpp"
#include "shared/models/account.hpp"
#include "shared/unicode.hpp"
#include "sql/users.hpp"

namespace {

// Computes the hash even if the e-mail is taken, so that the response time does not reveal it.
Async<Response> post(const Request& request, Context& context) {
    if (context.config.signup == SignUp::closed) throw ApiError{Error::signup_closed};
    const auto input = request.body<NewAccount>();
    const auto email = ascii_lower(input.email);
    co_await count_attempt(request, context);
    const auto network = client_network(request.remote_address());
    const HashClient client{std::string{client_site(network)}};
    const auto hash = co_await context.passwords.hash(client, nfc(input.password));
    const auto id = Uuid::random().text();
    db::Batch batch;
    const auto inserted =
        batch.add<AccountView>(sql::insert_account, db::named("id", id), db::named("email", email),
                               db::named("name", input.name), db::named("password_hash", hash));
    if (!network.empty()) note_network(batch, id, hash, network);
    const auto results = co_await context.db.run(std::move(batch));
    const auto account = results.first(inserted);
    if (!account) throw ApiError{Error::conflict};
    logging::audit(request.log_ids(), "account.created",
                   {{"user", id}, {"address", request.remote_address()}});
    co_return Response{201, json::write(*account)};
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/api/auth/signup",
        .shape = Shape::enveloped,
        .operations = {{.method = Method::post,
                        .handler = post,
                        .name = "signUp",
                        .summary = "Create an account",
                        .description =
                            "Creates an account; sign in to get a token. Refused with 409 "
                            "if the e-mail address is taken, and with 403 while signing up "
                            "is closed.",
                        .request_schema = schema_of<NewAccount>,
                        .answer = created<AccountView>(),
                        .message = "Account created",
                        .counts_attempts = true,
                        .hashes_passwords = true,
                        .errors = {Error::signup_closed, Error::conflict}}},
    };
}
