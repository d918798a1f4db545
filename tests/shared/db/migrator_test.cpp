// Migrations of a database through all versions, with and without the functions of earlier
// releases.
#include "shared/db/migrator.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <future>
#include <thread>

#include "sql/doctor.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

namespace migrator_test {

namespace {

// How many migrations have names before this one.
constexpr std::size_t versions_before(std::string_view name) {
    return static_cast<std::size_t>(std::ranges::count_if(migration_files, [&](const auto& file) {
        return file.engine == "sqlite" && file.name.ends_with(".up") && file.name < name;
    }));
}

constexpr auto newest_version = versions_before("9999");

class MigratedDatabase {
public:
    explicit MigratedDatabase(Engine engine)
        : is_postgres_(engine == Engine::postgres), database_(engine) {}

    Migrator::Applied up(const SchemaFiles& files = embedded_schema, LockWaits lock_waits = {}) {
        const auto connection = connect();
        return Migrator{*connection, files, lock_waits}.up();
    }
    std::string down(const SchemaFiles& files = embedded_schema) {
        const auto connection = connect();
        return Migrator{*connection, files}.down();
    }
    SchemaState state(const SchemaFiles& files = embedded_schema) {
        const auto connection = connect();
        return Migrator{*connection, files}.state();
    }

    std::string execute(const std::string& sql) { return database_.execute(sql); }
    const std::string& url() const { return database_.url(); }
    bool is_postgres() const { return is_postgres_; }
    std::string_view engine() const { return is_postgres_ ? "postgres" : "sqlite"; }

    // The whole schema, except for the order of columns.
    std::string schema() {
        return execute(
            is_postgres_
                ? "SELECT string_agg(line, E'\\n' ORDER BY line COLLATE \"C\") FROM ("
                  "SELECT pg_get_functiondef(oid) AS line FROM pg_proc "
                  "WHERE pronamespace = 'public'::regnamespace "
                  "UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal "
                  "UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index "
                  "WHERE indrelid::regclass::text NOT LIKE '%.%' "
                  "UNION ALL SELECT conrelid::regclass || pg_get_constraintdef(oid) "
                  "FROM pg_constraint WHERE connamespace = 'public'::regnamespace "
                  "UNION ALL SELECT concat_ws(' ', table_name, column_name, data_type, "
                  "is_nullable, "
                  "column_default) FROM information_schema.columns "
                  "WHERE table_schema = 'public') AS lines"
                : "SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_schema "
                  "WHERE name NOT LIKE 'schema_migrations' AND sql IS NOT NULL ORDER BY name)");
    }

    // Migrates like an earlier release, whose migrations created the functions and recorded no
    // digest.
    void migrate_as_before(std::size_t version) {
        while (!down().empty()) continue;
        execute("DROP TABLE schema_migrations");
        execute(
            "CREATE TABLE schema_migrations (name text NOT NULL PRIMARY KEY, "
            "applied_at text NOT NULL)");
        for (const auto& file : migration_files) {
            const auto name = file.name.substr(0, file.name.find('.'));
            if (file.engine != engine() || !file.name.ends_with(".up") || version == 0) continue;
            execute(file.sql);
            execute("INSERT INTO schema_migrations (name, applied_at) VALUES ('" +
                    std::string{name} + "', 'before')");
            --version;
        }
    }

    // Adds a row to each table of this version, and expects an event for each.
    void expect_events(std::size_t version) {
        const std::string moment = is_postgres_ ? "now()" : "1";
        const std::string id =
            "'00000000-0000-4000-8000-" + std::to_string(100'000'000'000 + ++rows_) + "'";
        const std::string personal = "(user_id, created_at, updated_at";
        const auto values = "('ann', " + moment + ", " + moment;
        const std::pair<std::size_t, std::string> statements[] = {
            {1, "INSERT INTO users (id) VALUES ('ann') ON CONFLICT DO NOTHING"},
            {3, "INSERT INTO collab_tasks (id, title, created_at, updated_at) VALUES (" + id +
                    ", 't', " + moment + ", " + moment + ")"},
            {4, "INSERT INTO tasks " + personal + ", title, description, completed) VALUES " +
                    values + ", 't', '', false)"},
            {5, "INSERT INTO conversations " + personal + ") VALUES " + values +
                    "); INSERT INTO messages (conversation_id, user_id, role, content, created_at) "
                    "SELECT max(id), 'ann', 'user', 'c', " +
                    moment + " FROM conversations"},
            {6,
             "INSERT INTO jobs (id, title, payload, max_attempts, run_at, created_at, "
             "updated_at) VALUES (" +
                 id + ", 't', 'null', 3, " + moment + ", " + moment + ", " + moment + ")"}};
        const auto count = "SELECT count(*) FROM events";
        const long before = version < 2 ? 0 : std::stol(execute(count));
        for (const auto& [first, sql] : statements)
            if (version >= first) execute(sql);
        const long of_conversation = version > versions_before("0014") ? 1 : 0;
        if (version >= 3)
            cr_expect_eq(std::stol(execute(count)),
                         before + static_cast<long>(std::min(version, 6UL)) - 2 + of_conversation,
                         "at version %zu", version);
        if (version >= 7) {
            const auto oldest = execute("SELECT min(id) FROM events");
            execute("DELETE FROM events WHERE id = " + oldest);
            EXPECT_TEXT(execute("SELECT id FROM events_pruned"), oldest);
        }
    }

private:
    std::unique_ptr<BlockingConnection> connect() const {
        return connect_blocking(test_config(database_.url()), BlockingConnection::Purpose::change);
    }

    bool is_postgres_;
    TestDatabase database_;
    int rows_ = 0;
};

// The functions of this release on personal tasks.
FunctionFile task_functions(std::string_view engine) {
    const auto files = functions_at(engine, newest_migration("sqlite"));
    return *std::ranges::find_if(files,
                                 [](const auto& file) { return file.name.substr(5) == "tasks"; });
}

// The schema of this release plus a migration that changes columns and tables used by functions.
class NextRelease {
public:
    explicit NextRelease(std::string_view engine) {
        const bool is_postgres = engine == "postgres";
        // PostgreSQL or SQLite refuses this while a function or trigger depends on it. Triggers
        // that name a column are dropped first; they are created again with the functions.
        const std::string drops =
            "DROP TRIGGER task_changed ON tasks; DROP TRIGGER task_unfolded ON tasks; ";
        const std::string refused =
            is_postgres ? drops + "ALTER TABLE tasks ALTER COLUMN description TYPE varchar(1000)"
                        : "CREATE TABLE next (slot INTEGER PRIMARY KEY, revision INTEGER NOT NULL) "
                          "STRICT; INSERT INTO next SELECT slot, revision FROM board_revisions; "
                          "DROP TABLE board_revisions; ALTER TABLE next RENAME TO board_revisions";
        up_ = refused +
              "; ALTER TABLE tasks ADD COLUMN weight integer NOT NULL DEFAULT 3; "
              "UPDATE tasks SET weight = 4";
        down_ = (is_postgres ? drops + "ALTER TABLE tasks ALTER COLUMN description TYPE text; "
                             : std::string{}) +
                "ALTER TABLE tasks DROP COLUMN weight";
        const auto functions = task_functions(engine);
        functions_ = functions.sql;
        const std::string_view before = is_postgres ? "'{\"completed\":'" : "'completed', json(";
        const auto at = functions_.find(before);
        cr_assert_neq(at, functions_.npos);
        functions_.replace(at, before.size(),
                           is_postgres ? "'{\"weight\":' || task.weight || ',\"completed\":'"
                                       : "'weight', weight, 'completed', json(");
        const std::string_view named = "title, description, completed, due_date";
        const auto trigger = functions_.find(named);
        cr_assert_neq(trigger, functions_.npos);
        functions_.insert(trigger, "weight, ");
        migrations_.assign(std::begin(migration_files), std::end(migration_files));
        migrations_.push_back({engine, up_name_, up_.c_str()});
        migrations_.push_back({engine, down_name_, down_.c_str()});
        files_.assign(std::begin(function_files), std::end(function_files));
        files_.push_back({engine, functions_name_, functions_.c_str(), functions.objects});
    }
    NextRelease(const NextRelease&) = delete;
    NextRelease& operator=(const NextRelease&) = delete;

    operator SchemaFiles() const { return {migrations_, files_}; }
    const std::string& migration() const { return migration_; }

private:
    // The number that follows the newest one, in four digits.
    static std::string next_number() {
        const auto newest = std::stoi(std::string{newest_migration("sqlite").substr(0, 4)});
        return std::to_string(10'000 + newest + 1).substr(1);
    }

    const std::string migration_ = next_number() + "_weight";
    const std::string up_name_ = migration_ + ".up";
    const std::string down_name_ = migration_ + ".down";
    const std::string functions_name_ = next_number() + "_tasks";
    std::string up_;
    std::string down_;
    std::string functions_;
    std::vector<MigrationFile> migrations_;
    std::vector<FunctionFile> files_;
};

// A small schema, in which the third of four migrations is concurrent.
class SmallSchema {
public:
    // The last number is that of the newest migration and functions.
    explicit SmallSchema(std::string_view engine, std::string_view last = "0004") {
        const bool is_postgres = engine == "postgres";
        for (const auto& [name, up, down] : migrations_of(is_postgres)) {
            if (std::string_view{name} > std::string{last} + "~") continue;
            names_.push_back(name + std::string{".up"});
            migrations_.push_back({engine, names_.back(), up});
            names_.push_back(name + std::string{".down"});
            migrations_.push_back({engine, names_.back(), down});
        }
        for (const char* number : {"0001", "0003", "0004"}) {
            if (number > last) continue;
            const auto value = "'" + std::string{number} + "'";
            names_.push_back(std::string{number} + "_label");
            texts_.push_back(is_postgres ? "CREATE OR REPLACE FUNCTION label() RETURNS text "
                                           "LANGUAGE sql RETURN " +
                                               value
                                         : "CREATE VIEW label AS SELECT " + value + " AS label");
            functions_.push_back(
                {engine, names_.back(), texts_.back().c_str(), is_postgres ? "label()" : "label"});
        }
    }
    SmallSchema(const SmallSchema&) = delete;
    SmallSchema& operator=(const SmallSchema&) = delete;

    // Replaces a migration's script.
    void replace(std::string_view name, const char* sql) {
        for (auto& file : migrations_)
            if (file.name == name) file.sql = sql;
    }

    operator SchemaFiles() const { return {migrations_, functions_}; }

private:
    struct Migration {
        const char* name;
        const char* up;
        const char* down;
    };
    static std::vector<Migration> migrations_of(bool is_postgres) {
        return {{"0001_items", "CREATE TABLE items (a text NOT NULL, b text NOT NULL)",
                 "DROP TABLE items"},
                {"0002_column", "ALTER TABLE items ADD COLUMN c integer NOT NULL DEFAULT 7",
                 "ALTER TABLE items DROP COLUMN c"},
                {"0003_indexes",
                 is_postgres ? "-- concurrently\n"
                               "DROP INDEX CONCURRENTLY IF EXISTS items_by_b;\n"
                               "CREATE INDEX CONCURRENTLY items_by_b ON items (b);\n"
                               "-- One value once;\n"
                               "DROP INDEX CONCURRENTLY IF EXISTS items_by_a;\n"
                               "CREATE UNIQUE INDEX CONCURRENTLY items_by_a\n"
                               "    ON items (a);\n"
                             : "-- concurrently\n"
                               "DROP INDEX IF EXISTS items_by_b;\n"
                               "CREATE INDEX items_by_b ON items (b);\n"
                               "DROP INDEX IF EXISTS items_by_a;\n"
                               "CREATE UNIQUE INDEX items_by_a\n"
                               "    ON items (a);\n",
                 "DROP INDEX items_by_a; DROP INDEX items_by_b"},
                {"0004_column", "ALTER TABLE items ADD COLUMN d integer",
                 "ALTER TABLE items DROP COLUMN d"}};
    }

    std::deque<std::string> names_;
    std::deque<std::string> texts_;
    std::vector<MigrationFile> migrations_;
    std::vector<FunctionFile> functions_;
};

// An empty database.
class SmallDatabase : public MigratedDatabase {
public:
    explicit SmallDatabase(Engine engine) : MigratedDatabase(engine) {
        while (!down().empty()) continue;
        execute("DROP TABLE schema_migrations");
    }

    // The names of the valid indexes that migrations have created.
    std::string indexes() {
        return execute(is_postgres()
                           ? "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_index "
                             "JOIN pg_class ON pg_class.oid = indexrelid "
                             "WHERE indisvalid AND relname LIKE 'items%'"
                           : "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema "
                             "WHERE type = 'index' AND name LIKE 'items%' ORDER BY name)");
    }
    std::string label() {
        return execute(is_postgres() ? "SELECT label()" : "SELECT label FROM label");
    }
    // How many transactions have recorded the migrations; on SQLite, how many of those were applied
    // by their statements.
    std::string transactions() {
        return execute(is_postgres() ? "SELECT count(DISTINCT xmin::text) FROM schema_migrations"
                                     : "PRAGMA user_version");
    }
};

constexpr const char* newest_data =
    "SELECT CAST(data AS text) FROM events ORDER BY id DESC LIMIT 1";

}  // namespace

// Migrations from 0009 on were never applied without files of functions.
ON_BOTH(migrator, comes_up_from_every_version, MigratedDatabase, database) {
    const auto schema = database.schema();
    for (std::size_t version = 0; version <= versions_before("0009"); ++version) {
        database.migrate_as_before(version);
        database.expect_events(version);
        cr_expect_not(database.state().is_current());
        const auto applied = database.up();
        cr_expect_eq(applied.migrations.size(), newest_version - version);
        EXPECT_TEXT(database.schema(), schema);
        cr_expect(database.state().is_current());
        database.expect_events(newest_version);
    }
}

ON_BOTH(migrator, goes_down_to_every_version_and_up_again, MigratedDatabase, database) {
    const auto schema = database.schema();
    for (std::size_t target = 0; target < newest_version; ++target) {
        database.expect_events(newest_version);
        for (auto version = newest_version; version-- > target;) {
            cr_assert_not(database.down().empty());
            database.expect_events(version);
        }
        cr_expect_not(database.state().is_current());
        cr_expect_eq(database.up().migrations.size(), newest_version - target);
        EXPECT_TEXT(database.schema(), schema);
        cr_expect(database.state().is_current());
    }
}

// Each step of expect_events() adds one row to each table.
ON_BOTH(migrator, counts_the_rows_that_it_finds, MigratedDatabase, database) {
    std::string undone;
    while (!undone.starts_with("0013")) undone = database.down();
    for (int i = 0; i < 3; ++i) database.expect_events(versions_before("0013"));
    database.up();
    const auto counts =
        "SELECT (SELECT sum(total) FROM task_counts) || ' ' || (SELECT sum(total) FROM "
        "board_counts) || ' ' || (SELECT count(*) FROM message_counts WHERE total = 1)";
    EXPECT_TEXT(database.execute(counts), "3 3 3");
    database.expect_events(newest_version);
    EXPECT_TEXT(database.execute(counts), "4 4 4");
}

// SQLite copies the messages to change what is allowed.
ON_BOTH(migrator, keeps_messages_when_their_table_changes, MigratedDatabase, database) {
    const auto down = [&] {
        for (std::string undone; !undone.starts_with("0018");) undone = database.down();
    };
    // A message without its conversation is lost.
    const auto state = [&] {
        const std::string joined = database.is_postgres() ? "string_agg(" : "group_concat(";
        return database.execute(
            "SELECT (SELECT " + joined +
            "id || ' ' || conversation_id || ' ' || content, ', ') FROM (SELECT * FROM messages "
            "WHERE conversation_id IN (SELECT id FROM conversations) ORDER BY id) AS kept) || '; ' "
            "|| (SELECT " +
            joined +
            "conversation_id || ' ' || total, ', ') FROM (SELECT * FROM message_counts ORDER BY "
            "conversation_id) AS counts) || '; ' || (SELECT count(*) FROM events) || ' events'");
    };
    down();
    for (int i = 0; i < 4; ++i) database.expect_events(versions_before("0018"));
    // The newest id is not in the table.
    database.execute(
        "DELETE FROM messages WHERE id IN (2, 4); DELETE FROM conversations WHERE id = 2");
    // SQLite's own programs do not enforce foreign keys.
    if (!database.is_postgres())
        database.execute(
            "INSERT INTO messages (id, conversation_id, user_id, role, content, created_at) "
            "VALUES (2, 2, 'ann', 'user', 'lost', 1)");
    const auto before = state();
    database.up();
    EXPECT_TEXT(state(), before);
    EXPECT_TEXT(database.execute("SELECT DISTINCT metadata || coalesce(client_message_id, ' none') "
                                 "FROM messages"),
                "null none");
    const auto add = [&](const std::string& columns, const std::string& values) {
        database.execute("INSERT INTO messages (conversation_id, user_id, created_at, " + columns +
                         ") VALUES (3, 'ann', " + (database.is_postgres() ? "now()" : "1") + ", " +
                         values + ")");
    };
    add("role, content, metadata", "'assistant', '', '{}'");
    add("role, content", "'tool', 'result'");
    add("role, content, client_message_id", "'user', 'kept', 'turn-1'");
    EXPECT_TEXT(database.execute("SELECT min(id) || ' ' || max(id) FROM messages WHERE id > 3"),
                "5 7");
    const auto histories = std::stoi(database.execute("SELECT count(*) FROM feed_epoch"));
    down();
    EXPECT_TEXT(database.execute("SELECT count(*) FROM feed_epoch"), std::to_string(histories + 1));
    EXPECT_TEXT(database.execute("SELECT total FROM message_counts WHERE conversation_id = 3"),
                "2");
    EXPECT_TEXT(database.execute("SELECT count(*) || ' ' || max(content) FROM messages"), "3 kept");
    database.expect_events(versions_before("0018"));
    EXPECT_TEXT(database.execute("SELECT max(id) FROM messages"), "8");
    database.up();
    database.expect_events(newest_version);
}

ON_BOTH(migrator, changes_a_table_that_functions_read, MigratedDatabase, database) {
    const auto schema = database.schema();
    const NextRelease next{database.engine()};
    database.expect_events(newest_version);
    for (int round = 0; round < 2; ++round) {
        const auto events = database.execute("SELECT count(*) FROM events");
        const auto applied = database.up(next).migrations;
        cr_assert_eq(applied.size(), 1UL);
        EXPECT_TEXT(applied[0], next.migration());
        cr_expect(database.state(next).is_current());
        EXPECT_TEXT(database.execute("SELECT count(*) FROM events"), events);
        EXPECT_TEXT(database.execute("SELECT min(weight) FROM tasks"), "4");
        database.expect_events(newest_version);
        database.execute("UPDATE tasks SET weight = 7 WHERE id = (SELECT max(id) FROM tasks)");
        cr_expect(database.execute(newest_data).find("\"weight\":7,") != std::string::npos);

        EXPECT_TEXT(database.down(next), next.migration());
        cr_expect(database.state().is_current());  // the earlier release keeps working
        if (database.is_postgres()) EXPECT_TEXT(database.schema(), schema);
        database.execute("UPDATE tasks SET title = 'u' WHERE id = (SELECT max(id) FROM tasks)");
        const auto data = database.execute(newest_data);
        cr_expect(data.find("\"title\":\"u\"") != data.npos, "%s", data.c_str());
        cr_expect(data.find("weight") == data.npos, "%s", data.c_str());
    }
}

ON_BOTH(migrator, leaves_a_newer_schema_alone, MigratedDatabase, database) {
    const NextRelease next{database.engine()};
    database.up(next);
    const auto schema = database.schema();
    const auto state = database.state();
    cr_expect(state.is_current());
    cr_expect_eq(state.newer.size(), 1UL);
    const auto applied = database.up();
    cr_expect(applied.migrations.empty() && !applied.has_replaced_functions_only);
    EXPECT_TEXT(database.schema(), schema);
    cr_expect_throw(database.down(), std::runtime_error);
    EXPECT_TEXT(database.schema(), schema);
}

ON_BOTH(migrator, replaces_functions_that_were_edited, MigratedDatabase, database) {
    const auto schema = database.schema();
    std::string edited;
    std::vector<FunctionFile> functions{std::begin(function_files), std::end(function_files)};
    for (auto& file : functions)
        if (file.engine == database.engine() &&
            file.name == task_functions(database.engine()).name) {
            edited = file.sql;
            const std::string_view before = "'/tasks/'";
            for (auto at = edited.find(before); at != edited.npos; at = edited.find(before, at))
                edited.replace(at, before.size(), "'/errands/'");
            file.sql = edited.c_str();
        }
    const SchemaFiles files{migration_files, functions};
    const auto before = database.state(files);
    cr_expect(before.pending.empty() && !before.has_functions);
    const auto applied = database.up(files);
    cr_expect(applied.migrations.empty() && applied.has_replaced_functions_only);
    cr_expect(database.state(files).is_current());
    cr_expect_not(database.up(files).has_replaced_functions_only);
    database.expect_events(newest_version);
    EXPECT_TEXT(database.execute("SELECT count(*) FROM events WHERE subject LIKE '/errands/%'"),
                "1");
    cr_expect_not(database.state().is_current());
    cr_expect(database.up().has_replaced_functions_only);
    EXPECT_TEXT(database.schema(), schema);
}

ON_BOTH(migrator, applies_all_migrations_of_a_new_database_together, SmallDatabase, database) {
    const SmallSchema schema{database.engine()};
    cr_expect_eq(database.up(schema).migrations.size(), 4UL);
    EXPECT_TEXT(database.transactions(), database.is_postgres() ? "1" : "0");
    EXPECT_TEXT(database.indexes(), "items_by_a items_by_b");
    // The query of /healthz finds an empty text in every text.
    EXPECT_TEXT(
        database.execute("SELECT count(*) FROM schema_migrations WHERE functions_digest = ''"),
        "0");
    EXPECT_TEXT(database.label(), "0004");
    cr_expect(database.state(schema).is_current());
}

ON_BOTH(migrator, applies_a_concurrent_migration_by_itself, SmallDatabase, database) {
    const SmallSchema schema{database.engine()};
    const SmallSchema first{database.engine(), "0001"};
    database.up(first);
    database.execute("INSERT INTO items VALUES ('a', 'b')");
    const auto applied = database.up(schema);
    cr_expect_eq(applied.migrations.size(), 3UL);
    cr_expect_not(applied.has_replaced_functions_only);
    EXPECT_TEXT(database.transactions(), database.is_postgres() ? "4" : "1");
    EXPECT_TEXT(database.indexes(), "items_by_a items_by_b");
    EXPECT_TEXT(database.label(), "0004");
    EXPECT_TEXT(database.execute("SELECT c FROM items"), "7");
    cr_expect(database.state(schema).is_current());
    cr_expect(database.state(first).is_current());

    for (const char* name : {"0004_column", "0003_indexes", "0002_column"})
        EXPECT_TEXT(database.down(schema), name);
    EXPECT_TEXT(database.indexes(), "");
    EXPECT_TEXT(database.label(), "0001");
    cr_expect(database.state(first).is_current());
}

// The functions with the number of a concurrent migration follow it.
ON_BOTH(migrator, ends_with_a_concurrent_migration, SmallDatabase, database) {
    database.up(SmallSchema{database.engine(), "0002"});
    const SmallSchema schema{database.engine(), "0003"};
    const auto applied = database.up(schema);
    cr_expect_eq(applied.migrations.size(), 1UL);
    cr_expect_not(applied.has_replaced_functions_only);
    EXPECT_TEXT(database.label(), "0003");
    cr_expect(database.state(schema).is_current());
}

// PostgreSQL leaves an invalid index behind, which must be replaced.
ON_BOTH(migrator, begins_an_interrupted_migration_again, SmallDatabase, database) {
    const SmallSchema schema{database.engine()};
    const SmallSchema first{database.engine(), "0001"};
    const SmallSchema second{database.engine(), "0002"};
    database.up(first);
    database.execute("INSERT INTO items VALUES ('a', 'b'), ('a', 'c')");
    cr_expect_throw(database.up(schema), std::runtime_error);
    EXPECT_TEXT(database.indexes(), "items_by_b");
    EXPECT_TEXT(database.label(), "0001");
    const auto state = database.state(schema);
    cr_assert_eq(state.pending.size(), 2UL);
    EXPECT_TEXT(state.pending[0], "0003_indexes");
    cr_expect(database.state(first).is_current());
    cr_expect(database.state(second).is_current());

    database.execute("DELETE FROM items WHERE b = 'c'");
    cr_expect_eq(database.up(schema).migrations.size(), 2UL);
    EXPECT_TEXT(database.indexes(), "items_by_a items_by_b");
    EXPECT_TEXT(database.label(), "0004");
    cr_expect(database.state(schema).is_current());
}

// A release without digests had applied what precedes a concurrent migration.
ON_BOTH(migrator, adds_its_column_when_a_concurrent_migration_is_next, SmallDatabase, database) {
    database.up(SmallSchema{database.engine(), "0002"});
    database.execute("ALTER TABLE schema_migrations DROP COLUMN functions_digest");
    const SmallSchema schema{database.engine(), "0003"};
    cr_expect_eq(database.up(schema).migrations.size(), 1UL);
    cr_expect(database.state(schema).is_current());
}

ON_BOTH(migrator, lets_several_runners_start_at_once, SmallDatabase, database) {
    const SmallSchema schema{database.engine()};
    const SmallSchema first{database.engine(), "0001"};
    database.up(first);
    for (int round = 0; round < 10; ++round) {
        const auto run = [&] { return database.up(schema).migrations.size(); };
        auto one = std::async(std::launch::async, run);
        auto other = std::async(std::launch::async, run);
        cr_expect_eq(one.get() + other.get(), 3UL);
        EXPECT_TEXT(database.indexes(), "items_by_a items_by_b");
        cr_expect(database.state(schema).is_current());
        while (database.down(schema) != "0002_column") continue;
    }
}

// The index waits for the writer, and would wait for the second runner as well if that one held a
// snapshot.
Test(migrator, a_runner_does_not_hold_up_an_index) {
    SmallDatabase database{Engine::postgres};
    const SmallSchema schema{"postgres"};
    database.up(SmallSchema{"postgres", "0002"});
    const PgConnection writer{PQconnectdb(database.url().c_str())};
    PQclear(PQexec(writer.get(), "BEGIN; INSERT INTO items VALUES ('a', 'b')"));
    const auto run = [&] { return database.up(schema).migrations.size(); };
    auto one = std::async(std::launch::async, run);
    const auto waits = [&](const char* text) {
        return database.execute(
                   "SELECT count(*) > 0 FROM pg_stat_activity "
                   "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                   "AND " +
                   std::string{text}) == "t";
    };
    wait_until("an index waits for the writer", [&] {
        return waits("query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'");
    });
    auto other = std::async(std::launch::async, run);
    wait_until("the other runner has been refused the lock",
               [&] { return waits("query = 'ROLLBACK'"); });
    PQclear(PQexec(writer.get(), "COMMIT"));
    cr_expect_eq(one.get(), 2UL);
    cr_expect_eq(other.get(), 0UL);
    EXPECT_TEXT(database.indexes(), "items_by_a items_by_b");
}

// On SQLite the last one to begin a concurrent migration finishes it.
Test(migrator, leaves_a_migration_to_a_runner_that_began_later) {
    SmallDatabase database{Engine::sqlite};
    const SmallSchema schema{"sqlite"};
    database.up(SmallSchema{"sqlite", "0002"});
    SmallSchema overtaken{"sqlite"};
    overtaken.replace("0003_indexes.up",
                      "-- concurrently\nPRAGMA user_version = 7;\nCREATE TABLE never (a text);\n");
    auto former =
        std::async(std::launch::async, [&] { return database.up(overtaken).migrations.size(); });
    wait_until("the former one is overtaken",
               [&] { return database.execute("PRAGMA user_version") == "7"; });
    cr_expect_eq(database.up(schema).migrations.size() + former.get(), 2UL);
    EXPECT_TEXT(database.indexes(), "items_by_a items_by_b");
    EXPECT_TEXT(database.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'never'"), "0");
    cr_expect(database.state(schema).is_current());
}

// Statements that come after a change that waits for a lock wait too.
Test(migrator, lets_others_pass_while_it_waits_for_a_lock) {
    MigratedDatabase database{Engine::postgres};
    database.expect_events(newest_version);
    const NextRelease next{"postgres"};
    for (const char* lock : {"SELECT count(*) FROM tasks", "UPDATE tasks SET completed = true"}) {
        const PgConnection holder{PQconnectdb(database.url().c_str())};
        PQclear(PQexec(holder.get(), ("BEGIN; " + std::string{lock}).c_str()));
        auto migrated = std::async(std::launch::async, [&] {
            return database.up(next, {.once = std::chrono::milliseconds{200}}).migrations.size();
        });
        std::string first;
        wait_until("it waits a second time", [&] {
            const auto since = database.execute(
                "SELECT max(waitstart) FROM pg_locks WHERE relation = 'tasks'::regclass "
                "AND mode = 'AccessExclusiveLock' AND NOT granted");
            if (first.empty()) first = since;
            database.execute("SELECT count(*) FROM tasks");
            return !since.empty() && since != first;
        });
        PQclear(PQexec(holder.get(), "COMMIT"));
        cr_expect_eq(migrated.get(), 1UL);
        cr_expect(database.state(next).is_current());
        database.down(next);
    }
}

Test(migrator, names_the_transaction_that_keeps_a_lock) {
    MigratedDatabase database{Engine::postgres};
    const NextRelease next{"postgres"};
    const auto schema = database.schema();
    const PgConnection holder{PQconnectdb(database.url().c_str())};
    PGresult* const locked =
        PQexec(holder.get(),
               "BEGIN; SET LOCAL application_name = 'report'; "
               "LOCK TABLE tasks, jobs IN ACCESS SHARE MODE; SELECT pg_backend_pid()");
    const std::string pid = PQgetvalue(locked, 0, 0);
    PQclear(locked);
    std::string message;
    try {
        database.up(next, {std::chrono::milliseconds{20}, std::chrono::milliseconds{200}});
    } catch (const std::runtime_error& error) {
        message = error.what();
    }
    cr_expect(message.starts_with("PostgreSQL: ERROR:  canceling statement due to lock timeout; "),
              "%s", message.c_str());
    for (const auto& part :
         {"End the transaction that is in the way, and repeat this: pid " + pid + " (report, for ",
          " has locked jobs, tasks: SELECT pg_terminate_backend(" + pid + ")"})
        cr_expect(message.find(part) != message.npos, "%s", message.c_str());
    EXPECT_TEXT(database.schema(), schema);
    cr_expect(database.state().is_current());
    PQclear(PQexec(holder.get(), "COMMIT"));
    database.up(next);
}

// Every write locks its own table before `events`. The functions must be created in the same order,
// those of a later subject included.
Test(migrator, creates_the_functions_of_events_last) {
    const FunctionFile files[] = {{"sqlite", "0004_tasks", "a", ""},
                                  {"sqlite", "0007_events", "b", ""},
                                  {"sqlite", "0010_tags", "c", ""},
                                  {"sqlite", "0011_tasks", "d", ""},
                                  {"sqlite", "0012_events", "e", ""}};
    const auto order = [&](std::string_view migration) {
        std::string texts;
        for (const auto& file : functions_at("sqlite", migration, files)) texts += file.sql;
        return texts;
    };
    EXPECT_TEXT(order("0007_x"), "ab");
    EXPECT_TEXT(order("0010_x"), "acb");
    EXPECT_TEXT(order("0012_x"), "dce");
}

Test(migrator, knows_what_a_script_drops) {
    const auto dropped = [](const std::string& script) {
        std::string all;
        for (const auto& name : dropped_by(script)) all += name + " ";
        return all;
    };
    EXPECT_TEXT(dropped("DROP TABLE a;\nDROP INDEX i;\nDROP TABLE b;\n"), "a b ");
    EXPECT_TEXT(dropped("ALTER TABLE a DROP COLUMN b;\n"), "a.b ");
    EXPECT_TEXT(dropped("ALTER TABLE a RENAME TO a_before;\nDROP TABLE a_before;\n"), "");
    EXPECT_TEXT(dropped("DELETE FROM a WHERE b = 1;\n"), "rows of a ");
    EXPECT_TEXT(dropped("-- Nothing to undo.\n"), "");
    // Every statement that drops data is found.
    for (const auto& file : migration_files) {
        const std::string script{file.sql};
        if (!file.name.ends_with(".down") || script.find(" RENAME TO ") != script.npos) continue;
        std::size_t count = 0;
        for (const std::string word : {"DROP TABLE", "DROP COLUMN"})
            for (auto at = script.find(word); at != script.npos; at = script.find(word, at + 1))
                ++count;
        auto names = dropped_by(script);
        std::erase_if(names, [](const auto& name) { return name.starts_with("rows of "); });
        cr_expect_eq(names.size(), count, "%s", file.name.data());
    }
}

Test(migrator, takes_concurrent_scripts_apart) {
    const std::string script =
        "-- concurrently\n"
        "-- Why; and how.\n"
        "DROP INDEX CONCURRENTLY IF EXISTS a;\n"
        "CREATE INDEX CONCURRENTLY a\n"
        "    -- Here;\n"
        "    ON b (c);\n"
        "\n"
        "SELECT 1\n";
    cr_expect(is_concurrent(script));
    cr_expect_not(is_concurrent("-- concurrently or not\n"));
    EXPECT_TEXT(joined(statements_of(script), "|"),
                "DROP INDEX CONCURRENTLY IF EXISTS a;\n|"
                "CREATE INDEX CONCURRENTLY a\n    ON b (c);\n|SELECT 1\n");
    EXPECT_TEXT(within_transaction("DROP INDEX CONCURRENTLY a; CREATE INDEX CONCURRENTLY a ON b"),
                "DROP INDEX a; CREATE INDEX a ON b");
}

// The query cannot find the tables itself, so it must name each of them.
Test(migrator, the_doctor_knows_every_sequence) {
    const TestDatabase database{Engine::postgres};
    const auto missing = database.execute(
        "SELECT string_agg(relname, ' ') FROM pg_attribute "
        "JOIN pg_class ON pg_class.oid = attrelid WHERE attidentity <> '' AND strpos($sql$" +
        std::string{sql::sequences_behind.postgres} + "$sql$, quote_literal(relname)) = 0");
    EXPECT_TEXT(missing, "");
}

// The service prepares its statements once. At any moment a write must find its functions and leave
// its event.
Test(migrator, disturbs_no_writer) {
    MigratedDatabase database{Engine::postgres};
    database.expect_events(newest_version);
    const NextRelease next{"postgres"};
    const auto before = std::stol(database.execute("SELECT count(*) FROM events"));
    std::atomic<bool> is_over = false;
    std::atomic<long> writes = 0;
    const auto write = [&](const char* sql) {
        const PgConnection connection{PQconnectdb(database.url().c_str())};
        PQclear(PQprepare(connection.get(), "write", sql, 0, nullptr));
        while (!is_over) {
            PGresult* const result =
                PQexecPrepared(connection.get(), "write", 0, nullptr, nullptr, nullptr, 0);
            cr_expect_eq(PQresultStatus(result), PGRES_COMMAND_OK, "%s",
                         PQresultErrorMessage(result));
            writes += std::stol(PQcmdTuples(result));
            PQclear(result);
        }
    };
    std::vector<std::thread> writers;
    for (const char* sql : {"INSERT INTO tasks (user_id, title, description, completed) "
                            "VALUES ('ann', 'w', '', false)",
                            "UPDATE tasks SET completed = NOT completed WHERE id = 1 "
                            "AND strpos(entity_tag(task_json(tasks)), '\"') > 0",
                            "INSERT INTO collab_tasks (id, title) VALUES (gen_random_uuid(), 'w')"})
        writers.emplace_back(write, sql);
    for (int round = 0; round < 20; ++round) {
        const long seen = writes;
        database.up(next);
        database.down(next);
        wait_until("the writers go on", [&] { return writes > seen + 10; });
    }
    is_over = true;
    for (auto& writer : writers) writer.join();
    EXPECT_TEXT(database.execute("SELECT count(*) FROM events"), std::to_string(before + writes));
}

}  // namespace migrator_test

Test(migrator, knows_the_oldest_release_of_a_schema) {
    EXPECT_TEXT(oldest_release("-- works with 2.0.0\nSELECT 1;\n"), "2.0.0");
    EXPECT_TEXT(oldest_release("-- concurrently\n-- works with 12.3.4\nSELECT 1;\n"), "12.3.4");
    EXPECT_TEXT(oldest_release("SELECT 1;\n-- works with 2.0.0\n"), "");
    for (const auto& file : migration_files)
        if (file.name.ends_with(".up"))
            cr_expect(!oldest_release(file.sql).empty(), "%s", std::string{file.name}.c_str());
    cr_expect(is_older_release("2.0.0", "2.0.1") && is_older_release("2.9.0", "2.10.0") &&
              is_older_release("9.0.0", "10.0.0") && is_older_release("", "0.0.1"));
    cr_expect(!is_older_release("2.0.0", "2.0.0") && !is_older_release("2.0.0", "") &&
              !is_older_release("10.0.0", "9.9.9"));
}
