// The rows of `users`. Every account has one, and a token of this service is refused without it. A
// token of another issuer creates the row of its user with the first request that uses the
// database. Both happen in the request's own batch.
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

// The database of one request. For the token of an account, each batch begins with a statement that
// fails if the account is missing; run() then throws ApiError (401), and the batch has no effect.
// For another user that is not known yet, the batch begins with the statement that creates a
// missing row. The references must outlive the object.
class UserDatabase final : public Database {
public:
    UserDatabase(Database& database, KnownUsers& known, const Identity& user)
        : database_(database), known_(known), user_(user) {}

    Async<db::Results> run(db::Batch batch) override;
    void close() override { database_.close(); }
    Database& lasting() override { return database_.lasting(); }

    // Checks the account if no batch has done so, because an answer may need nothing else from the
    // database. Throws as run() does.
    Async<> require_account();

private:
    Async<db::Results> run_with_account(db::Batch batch);
    Async<db::Results> run_with_row(db::Batch batch);

    Database& database_;
    KnownUsers& known_;
    const Identity& user_;
    bool has_asked_ = false;
};
