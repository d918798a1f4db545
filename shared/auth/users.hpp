// Rows of `users`: everyone whom a token has spoken for has one, made by the first request that the
// database sees of them, in that request's own batch.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "shared/db/database.hpp"
#include "shared/http/request.hpp"

// The users of whom this process knows that they have a row, so that later requests write nothing.
class KnownUsers {
public:
    bool contains(const std::string& user_id) const { return ids_.contains(user_id); }
    void add(const std::string& user_id);
    void forget(const std::string& user_id) { ids_.erase(user_id); }

private:
    std::unordered_set<std::string> ids_;
};

// A database as one user uses it: while the user is not known, each batch begins with the statement
// that makes the row where there is none. The references must outlive it.
class UserDatabase final : public Database {
public:
    UserDatabase(Database& database, KnownUsers& known, const Identity& user)
        : database_(database), known_(known), user_(user) {}

    Async<db::Results> run(db::Batch batch) override;
    void close() override { database_.close(); }

private:
    Async<db::Results> run_with_row(db::Batch batch);

    Database& database_;
    KnownUsers& known_;
    const Identity& user_;
};
