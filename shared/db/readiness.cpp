#include "shared/db/readiness.hpp"

#include "shared/db/migrations.hpp"
#include "shared/db/sqlstate.hpp"
#include "sql/health.hpp"

namespace {

struct DatabaseState {
    bool has_schema = false;
    bool takes_writes = false;
    static consteval auto fields() {
        using json::field;
        return std::tuple{field("has_schema", &DatabaseState::has_schema),
                          field("takes_writes", &DatabaseState::takes_writes)};
    }
};

// Valid for both engines; only the database knows which one answers.
const std::string& digests_of_functions() {
    static const std::string digests =
        functions_digest(functions_at("postgres", newest_migration("postgres"))) + ' ' +
        functions_digest(functions_at("sqlite", newest_migration("sqlite")));
    return digests;
}

}  // namespace

Async<> check_readiness(Database& database) {
    static constexpr auto newest = newest_migration("postgres");
    static_assert(newest == newest_migration("sqlite"), "a migration has files for both engines");
    const auto question = [] {
        return db::statement(sql::database_state, db::named("newest_migration", newest),
                             db::named("digests", digests_of_functions()));
    };
    db::Batch batch;
    const auto first = batch.add<DatabaseState>(question());
    const auto results = co_await database.run(std::move(batch));
    const auto state = results.one(first);
    if (!state.has_schema)
        throw DbError{sqlstate::undefined_table,
                      "migrations or functions are pending, up to " + std::string{newest}};
    if (state.takes_writes) co_return;
    // If only this connection is read-only, because it is older than a change, the refused write
    // replaces it and is repeated on a new one.
    db::Batch retry;
    retry.add(sql::write_nothing);
    const auto second = retry.add<DatabaseState>(question());
    const auto again = co_await database.run(std::move(retry));
    if (!again.one(second).takes_writes)
        throw DbError{sqlstate::read_only_transaction,
                      "the database is read-only, or its disk is full"};
}
