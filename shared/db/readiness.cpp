#include "shared/db/readiness.hpp"

#include "sql/health.hpp"

namespace {

struct EmbeddedMigration {
    std::string_view engine;
    std::string_view name;  // 0001_users.up
    const char* sql;
};

constexpr EmbeddedMigration embedded_migrations[] = {
#include "migrations.inc"
};

// Both engines have the same.
consteval std::string_view newest_migration() {
    std::string_view newest;
    for (const auto& migration : embedded_migrations)
        if (migration.name.ends_with(".up")) newest = std::max(newest, migration.name);
    newest.remove_suffix(std::string_view{".up"}.size());
    return newest;
}

struct DatabaseState {
    bool has_schema = false;
    bool takes_writes = false;
    static consteval auto fields() {
        using json::field;
        return std::tuple{field("has_schema", &DatabaseState::has_schema),
                          field("takes_writes", &DatabaseState::takes_writes)};
    }
};

}  // namespace

Async<> check_readiness(Database& database) {
    static constexpr auto newest = newest_migration();
    const auto state = co_await database.one<DatabaseState>(sql::database_state, newest);
    if (!state.has_schema)
        throw DbError{"42P01", "migrations are pending, up to " + std::string{newest}};
    if (!state.takes_writes)
        throw DbError{"25006", "the database is read-only, or its disk is full"};
}
