#include "shared/accounts/users.hpp"

#include "shared/db/sqlstate.hpp"
#include "shared/error.hpp"
#include "shared/text.hpp"
#include "sql/users.hpp"

namespace {

// The result of require_account, the only statement that computes a logarithm, without an account.
constexpr std::string_view account_missing = sqlstate::logarithm_of_zero;

}  // namespace

void KnownUsers::add(const std::string& user_id) {
    constexpr std::size_t most = 10'000;  // at most 3 MB
    if (ids_.size() == most) ids_.clear();
    ids_.insert(user_id);
}

Async<db::Results> UserDatabase::run(db::Batch batch) {
    if (user_.needs_account) return run_with_account(std::move(batch));
    return known_.contains(user_.user_id) ? database_.run(std::move(batch))
                                          : run_with_row(std::move(batch));
}

Async<> UserDatabase::require_account() {
    if (!user_.needs_account || has_asked_) co_return;
    db::Batch nothing_else;
    co_await run_with_account(std::move(nothing_else));
}

Async<db::Results> UserDatabase::run_with_account(db::Batch batch) {
    batch.prepend(db::statement(sql::require_account, user_.user_id));
    try {
        auto results = co_await database_.run(std::move(batch));
        has_asked_ = true;
        co_return results;
    } catch (const DbError& error) {
        if (error.sqlstate() == account_missing) throw ApiError{Error::invalid_token};
        throw;
    }
}

Async<db::Results> UserDatabase::run_with_row(db::Batch batch) {
    const auto email = user_.email.empty() ? std::nullopt : std::optional{ascii_lower(user_.email)};
    batch.prepend(
        db::statement(sql::ensure_user, db::named("id", user_.user_id), db::named("email", email)));
    auto results = co_await database_.run(std::move(batch));
    known_.add(user_.user_id);
    co_return results;
}
