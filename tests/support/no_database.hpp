// A database that is not there.
#pragma once

#include "shared/db/database.hpp"

class NoDatabase final : public Database {
public:
    Async<db::Results> run(db::Batch) override {
        throw DbError{"08001", "there is no database here"};
        co_return db::Results{};
    }
    void close() override { is_closed = true; }

    bool is_closed = false;
};
