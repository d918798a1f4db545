// A database that is never reachable, except that it lets users of other issuers pass.
#pragma once

#include "shared/context.hpp"
#include "shared/db/database.hpp"
#include "sql/users.hpp"
#include "tests/support/database.hpp"

class NoDatabase final : public Database {
public:
    Async<db::Results> run(db::Batch batch) override {
        for (const auto& statement : batch.statements())
            if (statement.query != &sql::refuse_disabled_user)
                throw DbError{"08001", "there is no database here"};
        co_return db::Results{batch};
    }
    void close() override { is_closed = true; }

    bool is_closed = false;
};

// The context for a server that needs no database. The server's loop must outlive it.
struct ContextWithoutDatabase {
    NoDatabase database;
    Config config = test_config("sqlite:///unused.db");
    Tokens tokens{config};
    ApiKeys api_keys{config};
    Passwords passwords{4};
    ProcessState state;
    Context context{config, database, tokens, api_keys, passwords, state};
};
