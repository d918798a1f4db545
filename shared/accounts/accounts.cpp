#include "shared/accounts/accounts.hpp"

#include <chrono>
#include <exception>

#include "shared/limits/attempts.hpp"
#include "shared/log.hpp"
#include "shared/metrics/counters.hpp"
#include "shared/unicode.hpp"
#include "sql/users.hpp"

namespace {

// A network is forgotten this long after the last log-in from it.
constexpr std::chrono::days network_days{90};
// The time of the last log-in is written at most this often.
constexpr std::chrono::days note_interval{1};
constexpr std::int64_t max_networks = 50;

bool is_older(const Timestamp& moment, std::chrono::microseconds age) {
    return moment.microseconds < Timestamp::now().microseconds - age.count();
}

bool knows_network(const Account& account) {
    return account.network_last_at && !is_older(*account.network_last_at, network_days);
}

// The composed form was hashed (RFC 8265, section 4.2.2), unless the account is older than that
// rule.
Async<bool> is_right(Context& context, HashClient client, const Credentials& credentials,
                     const std::optional<std::string>& hash) {
    const auto composed = nfc(credentials.password);
    bool matches = co_await context.passwords.matches(client, composed, hash);
    if (!matches && composed != credentials.password)
        matches = co_await context.passwords.matches(client, credentials.password, hash);
    co_return matches;
}

// Notes the network, and renews the hash after a change of BCRYPT_COST. A failure does not refuse
// the login: the next one tries again.
Async<> keep_up(const Account& account, Context& context, HashClient client, std::string network,
                std::string password) {
    const auto old_hash = account.password_hash.value_or("");
    const bool is_current = context.passwords.is_current(old_hash);
    const bool is_noted =
        account.network_last_at && !is_older(*account.network_last_at, note_interval);
    try {
        db::Batch batch;
        if (!network.empty() && !is_noted) note_network(batch, account.id, old_hash, network);
        if (!is_current) {
            const auto hash = co_await context.passwords.hash(client, nfc(password));
            batch.add(sql::renew_password_hash, db::named("id", account.id),
                      db::named("old_hash", old_hash), db::named("new_hash", hash));
        }
        if (!batch.statements().empty()) co_await context.db.run(std::move(batch));
    } catch (const std::exception& error) {
        logging::warning("could not note the login or renew the password hash",
                         {{"reason", std::string_view{error.what()}}});
    }
}

std::string reason_of(const std::optional<Account>& account) {
    if (!account) return "no such account";
    return account->disabled_at ? "the account is disabled" : "wrong password";
}

}  // namespace

void note_network(db::Batch& batch, const std::string& account_id, const std::string& password_hash,
                  const std::string& network) {
    const auto age = std::chrono::microseconds{network_days}.count();
    batch.add(sql::note_network, db::named("id", account_id),
              db::named("password_hash", password_hash), db::named("network", network));
    batch.add(sql::forget_networks, db::named("user_id", account_id),
              db::named("used_before", Timestamp{Timestamp::now().microseconds - age}),
              db::named("limit", max_networks));
}

Async<Account> log_in(const Request& request, Context& context) {
    const auto credentials = request.body<Credentials>();
    const auto email = ascii_lower(credentials.email);
    const auto network = client_network(request.remote_address());
    co_await count_attempt(request, context);
    auto account = co_await context.db.maybe<Account>(sql::find_account, db::named("email", email),
                                                      db::named("network", network));
    Failures failures{email, {}};
    if (account && knows_network(*account)) failures.network = network;
    co_await count_failure(request, context, failures);
    const HashClient client{std::string{client_site(network)}, !failures.network.empty()};
    bool may_enter = false;
    std::exception_ptr trouble;
    try {
        const auto hash = account ? account->password_hash : std::nullopt;
        const bool matches = co_await is_right(context, client, credentials, hash);
        may_enter = matches && account && !account->disabled_at;
    } catch (...) {
        trouble = std::current_exception();
    }
    if (may_enter || trouble) co_await forgive_failure(context, failures);
    if (trouble) std::rethrow_exception(trouble);
    if (!may_enter) {
        log_refused_login(request, email, reason_of(account));
        metrics::count(metrics::Login::refused);
        throw ApiError{Error::invalid_credentials};
    }
    metrics::count(metrics::Login::success);
    logging::audit(request.log_ids(), "login",
                   {{"user", account->id}, {"address", request.remote_address()}});
    auto kept_up = keep_up(*account, context, client, network, credentials.password);
    co_await std::move(kept_up);
    co_return std::move(*account);
}
