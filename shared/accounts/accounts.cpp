#include "shared/accounts/accounts.hpp"

#include "shared/limits/attempts.hpp"
#include "shared/log.hpp"
#include "shared/unicode.hpp"
#include "sql/users.hpp"

namespace {

// Renews the hash after a change of BCRYPT_COST. A failure does not refuse the login: the next one
// tries again.
Async<> renew_hash(std::string id, std::string old_hash, std::string password, Context& context) {
    try {
        const auto hash = co_await context.passwords.hash(password);
        db::Batch batch;
        batch.add(sql::renew_password_hash, db::named("id", id), db::named("old_hash", old_hash),
                  db::named("new_hash", hash));
        co_await context.db.run(std::move(batch));
    } catch (const std::exception& error) {
        logging::warning("could not renew the password hash",
                         {{"reason", std::string_view{error.what()}}});
    }
}

}  // namespace

Async<Account> log_in(const Request& request, Context& context) {
    const auto credentials = request.body<Credentials>();
    const auto email = ascii_lower(credentials.email);
    co_await count_attempt(request, context, email);
    auto account = co_await context.db.maybe<Account>(sql::find_account, email);
    const auto hash = account ? account->password_hash : std::nullopt;
    // The composed form was hashed (RFC 8265, section 4.2.2), unless the account is older than that
    // rule.
    const auto composed = nfc(credentials.password);
    bool is_right = co_await context.passwords.matches(composed, hash);
    if (!is_right && composed != credentials.password)
        is_right = co_await context.passwords.matches(credentials.password, hash);
    if (!account || !hash || !is_right) throw ApiError{Error::invalid_credentials};
    if (!context.passwords.is_current(*hash)) {
        auto renewed = renew_hash(account->id, *hash, composed, context);
        co_await std::move(renewed);
    }
    co_return std::move(*account);
}
