#include "shared/auth/accounts.hpp"

#include "shared/auth/attempts.hpp"
#include "sql/users.hpp"

Async<Account> log_in(const Request& request, Context& context) {
    const auto credentials = request.body<Credentials>();
    const auto email = ascii_lower(credentials.email);
    co_await count_attempt(request, context, email);
    auto account = co_await context.db.maybe<Account>(sql::find_account, email);
    const auto hash = account ? account->password_hash : std::nullopt;
    const bool is_right = co_await context.passwords.matches(credentials.password, hash);
    if (!is_right) throw ApiError{Error::invalid_credentials};
    co_return std::move(*account);
}
