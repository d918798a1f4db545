#include "shared/accounts/users.hpp"

#include "shared/auth/refusals.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/error.hpp"
#include "shared/log.hpp"
#include "shared/text.hpp"
#include "sql/users.hpp"

namespace {

// The result of require_account and refuse_disabled_user, the only statements that compute a
// logarithm.
constexpr std::string_view user_refused = sqlstate::logarithm_of_zero;

}  // namespace

void KnownUsers::add(const std::string& user_id) {
    constexpr std::size_t most = 10'000;  // at most 3 MB
    if (ids_.size() == most) ids_.clear();
    ids_.insert(user_id);
}

Async<db::Results> UserDatabase::run(db::Batch batch) {
    const bool adds_row = adds_row_ && !known_.contains(user_.user_id);
    const auto& check = user_.needs_account ? sql::require_account : sql::refuse_disabled_user;
    auto statement = db::statement(check, user_.user_id);
    if (batch.reads_only())
        static_cast<void>(batch.add(std::move(statement)));
    else
        batch.prepend(std::move(statement));
    if (adds_row) {
        const auto email =
            user_.email.empty() ? std::nullopt : std::optional{ascii_lower(user_.email)};
        batch.prepend(db::statement(sql::ensure_user, db::named("id", user_.user_id),
                                    db::named("email", email)));
    }
    auto results = co_await run_checked(std::move(batch));
    if (adds_row) {
        known_.add(user_.user_id);
        const bool is_request = !request_.request_id.empty();  // unlike `steelthread seed`
        if (is_request && !results.prepended().empty())
            logging::audit(request_, "account.created", {{"user", user_.user_id}});
    }
    co_return results;
}

Async<> UserDatabase::check_user() {
    if (has_checked_) co_return;
    adds_row_ = false;
    db::Batch nothing_else;
    co_await run(std::move(nothing_else));
}

Async<db::Results> UserDatabase::run_checked(db::Batch batch) {
    try {
        auto results = co_await database_.run(std::move(batch));
        has_checked_ = true;
        co_return results;
    } catch (const DbError& error) {
        if (error.sqlstate() != user_refused) throw;
        refusals().log("token refused", request_, "its user is disabled or deleted");
        throw ApiError{Error::invalid_token};
    }
}
