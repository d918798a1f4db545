// Rows of `users`. Whoever has an account has one, and without it a token of this service is
// refused. For everyone whom a token of another issuer speaks for, the first request that the
// database sees of them makes one. Both are part of the request's own batch.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "shared/db/database.hpp"
#include "shared/http/request.hpp"

// The users of other issuers of whom this process knows that they have a row, so that later
// requests write nothing.
class KnownUsers {
public:
    bool contains(const std::string& user_id) const { return ids_.contains(user_id); }
    void add(const std::string& user_id);
    void forget(const std::string& user_id) { ids_.erase(user_id); }

private:
    std::unordered_set<std::string> ids_;
};

// A database as one request uses it. For the token of an account, each batch begins with the
// statement that fails without the account; run() then throws ApiError (401), and nothing was done.
// For any other user who is not known, it begins with the statement that makes the row where there
// is none. The references must outlive it.
class UserDatabase final : public Database {
public:
    UserDatabase(Database& database, KnownUsers& known, const Identity& user)
        : database_(database), known_(known), user_(user) {}

    Async<db::Results> run(db::Batch batch) override;
    void close() override { database_.close(); }
    Database& lasting() override { return database_.lasting(); }

    // Asks for an account that no batch has asked for: an answer may need nothing else of the
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
