// The rows of `users`. Every account has one, and a token of this service is refused without it. A
// token of another issuer creates the row of its user with the first request that uses the
// database. Every token is refused if its user is disabled. All this happens in the request's own
// batch.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "shared/db/database.hpp"
#include "shared/http/request.hpp"

// The users of other issuers that are known to have a row, so that later requests write nothing.
class KnownUsers {
public:
    bool contains(const std::string& user_id) const { return ids_.contains(user_id); }
    void add(const std::string& user_id);
    void forget(const std::string& user_id) { ids_.erase(user_id); }

private:
    std::unordered_set<std::string> ids_;
};

// The database of one request of a user. Each batch has a statement that fails if the user is
// disabled or, for the token of an account, missing; run() then throws ApiError (401), and the
// batch has no effect. It is the first statement of a write, and the last one of a read: what a
// read has seen is then older than the check, so that a stream misses no later refusal
// (shared/events/feed.hpp). If the user needs a row and is not known yet, the batch of a user of
// another issuer also begins with the statement that creates a missing row. The references must
// outlive the object.
class UserDatabase final : public Database {
public:
    // The log names a refusal, and a user who is new, by `request`.
    UserDatabase(Database& database, KnownUsers& known, const Identity& user, bool needs_row = true,
                 const logging::RequestIds& request = {})
        : database_(database),
          known_(known),
          user_(user),
          request_(request),
          adds_row_(needs_row && !user.needs_account) {}

    Async<db::Results> run(db::Batch batch) override;
    void close() override { database_.close(); }
    Database& lasting() override { return database_.lasting(); }

    // Checks the user if no batch has done so, because an answer may need nothing else from the
    // database. Throws as run() does.
    Async<> check_user();

private:
    Async<db::Results> run_checked(db::Batch batch);

    Database& database_;
    KnownUsers& known_;
    const Identity& user_;
    logging::RequestIds request_;
    bool adds_row_;
    bool has_checked_ = false;
};
