#include "shared/db/migrator.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "shared/db/database.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/timestamp.hpp"

namespace {

using Clock = std::chrono::steady_clock;

// PostgreSQL 15 refuses to drop a column, or to change its type, while a function in SQL reads it:
// "cannot drop column completed of table tasks because other objects depend on it", "cannot alter
// type of a column used by a function or procedure". (It does add one, with any default.) A
// function with an empty body reads no column. Unlike one that is dropped and created again, it
// keeps its identity, so that a statement which another session has planned does not fail with
// "cache lookup failed for function" after the commit.
constexpr const char* scripts_to_clear_postgres = R"(
SELECT CASE WHEN signature = ANY (string_to_array($2, ';'))
    THEN format('CREATE OR REPLACE FUNCTION %s(%s) RETURNS %s LANGUAGE plpgsql '
                'AS ''BEGIN RETURN %s; END''',
                oid::regproc, pg_get_function_arguments(oid), pg_get_function_result(oid),
                CASE WHEN prorettype = 'trigger'::regtype THEN 'coalesce(NEW, OLD)' ELSE 'NULL' END)
    ELSE format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure) END
FROM (
    SELECT pg_proc.oid, prorettype, proname || '(' || coalesce((
        SELECT string_agg(typname, ',' ORDER BY position)
        FROM unnest(proargtypes) WITH ORDINALITY AS parameters(type, position)
        JOIN pg_type ON pg_type.oid = parameters.type), '') || ')' AS signature
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE nspname = current_schema()) AS functions
WHERE signature = ANY (string_to_array($1, ';')))";

// SQLite refuses to drop a column that a view reads, and to replace a table that one reads ("error
// in view task_json: no such table: main.tasks").
constexpr const char* scripts_to_clear_sqlite = R"(
SELECT 'DROP ' || type || ' ' || name FROM sqlite_master
WHERE type IN ('trigger', 'view') AND instr(';' || $1 || ';', ';' || name || ';') > 0)";

// The oldest transactions that hold locks on tables of the schema.
constexpr const char* holders_of_locks = R"(
SELECT holder || ' has locked ' || string_agg(DISTINCT relname, ', ') || ': '
    || CASE WHEN pid IS NULL THEN 'ROLLBACK PREPARED the right one of pg_prepared_xacts'
        ELSE 'SELECT pg_terminate_backend(' || pid || ')' END
FROM (
    SELECT locks.pid, relname, xact_start,
        CASE WHEN locks.pid IS NULL THEN 'a prepared transaction' ELSE 'pid ' || locks.pid || ' ('
            || coalesce(nullif(application_name, ''), 'no name') || ', for '
            || coalesce(extract(epoch FROM now() - xact_start)::bigint::text, '?') || ' s)'
            END AS holder
    FROM pg_locks AS locks
    JOIN pg_class ON pg_class.oid = relation
    LEFT JOIN pg_stat_activity ON pg_stat_activity.pid = locks.pid
    WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND relnamespace = current_schema()::regnamespace AND relkind = 'r' AND granted
        AND locks.pid IS DISTINCT FROM pg_backend_pid()) AS held
GROUP BY holder, pid ORDER BY min(xact_start) LIMIT 3)";

std::string objects_of(std::span<const FunctionFile> functions, std::string_view engine) {
    std::string objects;
    for (const auto& file : functions)
        if (file.engine == engine) objects.append(file.objects).append(";");
    if (!objects.empty()) objects.pop_back();
    return objects;
}

// Returns the script with every ":schema." replaced by the name of the schema.
std::string within_schema(std::string sql, const std::string& schema) {
    constexpr std::string_view mark = ":schema.";
    for (auto at = sql.find(mark); at != sql.npos; at = sql.find(mark, at + schema.size()))
        sql.replace(at, mark.size() - 1, schema);
    return sql;
}

}  // namespace

Migrator::Migrator(BlockingConnection& connection, const SchemaFiles& files, LockWaits lock_waits)
    : connection_(connection), files_(files), lock_waits_(lock_waits) {}

SchemaState Migrator::state() {
    SchemaState state;
    if (has_column("name"))
        for (const auto& row : connection_.query("SELECT name, applied_at FROM schema_migrations"))
            state.applied[row[0]] = row[1];
    const auto known = scripts("up");
    for (const auto& [name, sql] : known)
        if (!state.applied.contains(name)) state.pending.push_back(name);
    for (const auto& [name, moment] : state.applied)
        if (!known.contains(name)) state.newer.push_back(name);
    state.oldest_release = oldest_release_of(state.newer);
    const auto& newest = known.rbegin()->first;
    const auto digest =
        functions_digest(functions_at(connection_.engine(), newest, files_.functions));
    state.has_functions = !state.newer.empty() || digest_of(newest) == digest;
    return state;
}

Migrator::Applied Migrator::up(const std::function<void(const std::string& migration)>& prepare) {
    Applied applied;
    for (auto now = state(); !now.is_current(); now = state()) {
        const bool is_alone = !now.pending.empty() && together(now).empty();
        if (is_alone && prepare) prepare(now.pending.front());
        with_patience([&] {
            if (is_alone)
                apply_alone(now.pending.front(), applied);
            else
                apply_together(applied);
        });
    }
    if (!applied.migrations.empty()) applied.has_replaced_functions_only = false;
    return applied;
}

// The pending migrations that the next transaction applies. Nobody uses a new database, and
// statements that run concurrently would wait for transactions in other databases of the cluster.
std::vector<std::string> Migrator::together(const SchemaState& state) const {
    if (state.applied.empty()) return state.pending;
    const auto known = scripts("up");
    const auto end = std::ranges::find_if(
        state.pending, [&](const auto& name) { return is_concurrent(known.at(name)); });
    return {state.pending.begin(), end};
}

void Migrator::apply_together(Applied& applied) {
    begin();
    ensure_table();
    const auto now = state();  // another process may have been faster
    const auto migrations = together(now);
    const bool has_work = !migrations.empty() || (now.pending.empty() && !now.has_functions);
    const bool replaces_functions = now.newer.empty() && has_work;
    auto newest = now.applied.empty() ? "" : now.applied.rbegin()->first;
    if (!migrations.empty()) newest = std::max(newest, migrations.back());
    const auto functions = functions_at(connection_.engine(), newest, files_.functions);
    if (replaces_functions) clear_functions(functions);
    const auto known = scripts("up");
    for (const auto& name : migrations) {
        const auto& script = known.at(name);
        connection_.execute(is_concurrent(script) ? within_transaction(script) : script);
        record(name, "");
    }
    if (replaces_functions) create_functions(functions, newest);
    connection_.execute("COMMIT");
    applied.migrations.insert(applied.migrations.end(), migrations.begin(), migrations.end());
    applied.has_replaced_functions_only |= replaces_functions;
}

void Migrator::apply_alone(const std::string& migration, Applied& applied) {
    const bool is_applied = connection_.engine() == "sqlite" ? apply_by_statements(migration)
                                                             : apply_outside(migration);
    if (is_applied) applied.migrations.push_back(migration);
}

// Another connection holds the lock of the runners, in an open transaction: PostgreSQL's concurrent
// statements do not wait for one without a snapshot. As the same transaction records the migration,
// it is recorded only if the lock was held all the time. Returns false if another process has been
// faster.
bool Migrator::apply_outside(const std::string& migration) {
    const auto holder = connection_.another();
    holder->begin();
    holder->execute("SET LOCAL idle_in_transaction_session_timeout = 0");
    if (!is_next(migration)) return false;
    // The functions that are in place stay there.
    const auto digest = digest_of(state().applied.rbegin()->first);
    for (const auto& statement : statements_of(scripts("up").at(migration)))
        connection_.execute(statement);
    Migrator recorder{*holder, files_};
    recorder.ensure_table();
    recorder.record(migration, digest);
    holder->execute("COMMIT");
    return true;
}

// SQLite's only lock is that of the writer, which is released after each statement. So a runner
// takes a number, and goes on only while no other one has taken the next number.
bool Migrator::apply_by_statements(const std::string& migration) {
    const auto number = [&] { return connection_.query("PRAGMA user_version")[0][0]; };
    connection_.begin();
    if (!is_next(migration)) {
        connection_.execute("ROLLBACK");
        return false;
    }
    const auto own_number = std::to_string(std::stoi(number()) + 1);
    connection_.execute("PRAGMA user_version = " + own_number + "; COMMIT");
    auto steps = statements_of(scripts("up").at(migration));
    steps.emplace_back();
    for (const auto& statement : steps) {
        connection_.begin();
        if (number() != own_number || !is_next(migration)) {
            connection_.execute("ROLLBACK");
            await(migration);
            return false;
        }
        if (!statement.empty()) {
            connection_.execute(statement);
        } else {
            const auto digest = digest_of(state().applied.rbegin()->first);
            ensure_table();
            record(migration, digest);
        }
        connection_.execute("COMMIT");
    }
    return true;
}

bool Migrator::is_next(const std::string& migration) {
    const auto pending = state().pending;
    return !pending.empty() && pending.front() == migration;
}

// Waits until another process has applied the migration.
void Migrator::await(const std::string& migration) {
    const auto give_up = Clock::now() + std::chrono::seconds{30};
    while (is_next(migration)) {
        if (Clock::now() > give_up)
            throw std::runtime_error("another process began to apply " + migration +
                                     " and has not finished: repeat this");
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
    }
}

Migrator::Undo Migrator::next_undo() {
    const auto applied = state().applied;
    if (applied.empty()) return {};
    const auto& name = applied.rbegin()->first;
    return {name, dropped_by(down_script(name))};
}

std::string Migrator::down() {
    std::string undone;
    with_patience([&] { undone = undo_newest(); });
    return undone;
}

std::string Migrator::undo_newest() {
    begin();
    const auto applied = state().applied;
    if (applied.empty()) {
        connection_.execute("ROLLBACK");
        return {};
    }
    const auto newest = std::prev(applied.end());
    const auto& name = newest->first;
    const auto script = down_script(name);
    const auto before = newest == applied.begin() ? "" : std::prev(newest)->first;
    const auto functions = functions_at(connection_.engine(), before, files_.functions);
    ensure_table();
    clear_functions(functions);
    connection_.execute(script);
    connection_.query("DELETE FROM schema_migrations WHERE name = $1", {name});
    create_functions(functions, before);
    connection_.execute("COMMIT");
    return name;
}

// A transaction that excludes other runners and waits for tables only briefly.
void Migrator::begin() {
    connection_.begin();
    if (connection_.engine() == "postgres")
        connection_.execute("SET LOCAL lock_timeout = " + std::to_string(lock_waits_.once.count()));
}

// Repeats a change that PostgreSQL has rolled back because of a lock.
void Migrator::with_patience(const std::function<void()>& change) {
    const auto give_up = Clock::now() + lock_waits_.in_all;
    for (auto pause = lock_waits_.once;; pause = std::min(2 * pause, 10 * lock_waits_.once)) {
        try {
            return change();
        } catch (const DbError& error) {
            const auto& state = error.sqlstate();
            if (state != sqlstate::lock_not_available && state != sqlstate::deadlock_detected)
                throw;
            connection_.execute("ROLLBACK");
            if (Clock::now() + pause > give_up)
                throw std::runtime_error(std::string{error.what()} + "; tried for " +
                                         std::to_string(lock_waits_.in_all.count() / 1000) +
                                         " s, and rolled back. " + lock_holders());
        }
        std::this_thread::sleep_for(pause);
    }
}

std::string Migrator::lock_holders() {
    std::string holders;
    for (const auto& row : connection_.query(holders_of_locks))
        holders.append(holders.empty() ? "" : "; ").append(row[0]);
    return holders.empty() ? "Repeat this"
                           : "End the transaction that is in the way, and repeat this: " + holders;
}

// Of the table of migrations. Earlier releases create it with fewer columns.
bool Migrator::has_column(const char* name) {
    return !connection_
                .query(connection_.engine() == "sqlite"
                           ? "SELECT 1 FROM pragma_table_info('schema_migrations') WHERE name = $1"
                           : "SELECT 1 FROM pg_attribute WHERE attname = $1 "
                             "AND attrelid = to_regclass('schema_migrations')",
                       {name})
                .empty();
}

void Migrator::ensure_table() {
    if (!has_column("name"))
        connection_.execute(
            "CREATE TABLE schema_migrations (name text NOT NULL PRIMARY KEY, "
            "applied_at text NOT NULL)");
    for (const char* name : {"functions_digest", "oldest_release"})
        if (!has_column(name))
            connection_.execute(std::string{"ALTER TABLE schema_migrations ADD COLUMN "} + name +
                                " text");
}

void Migrator::record(const std::string& migration, const std::string& digest) {
    connection_.query(
        "INSERT INTO schema_migrations (name, applied_at, functions_digest, oldest_release) "
        "VALUES ($1, $2, nullif($3, ''), nullif($4, ''))",
        {migration, Timestamp::now().text(), digest, oldest_release(scripts("up").at(migration))});
}

// The migrations are unknown to this release, but a newer one has recorded what they need.
std::string Migrator::oldest_release_of(const std::vector<std::string>& migrations) {
    std::string oldest;
    if (migrations.empty() || !has_column("oldest_release")) return oldest;
    for (const auto& row : connection_.query(
             "SELECT name, oldest_release FROM schema_migrations WHERE oldest_release IS NOT NULL"))
        if (std::ranges::find(migrations, row[0]) != migrations.end() &&
            is_older_release(oldest, row[1]))
            oldest = row[1];
    return oldest;
}

// The digest of the functions that were created for `migration`; empty if unknown.
std::string Migrator::digest_of(const std::string& migration) {
    if (!has_column("functions_digest")) return {};
    const auto rows = connection_.query(
        "SELECT functions_digest FROM schema_migrations WHERE name = $1", {migration});
    return rows.empty() ? "" : rows.front().front();
}

// The files of one direction ("up"), by the name of the migration.
std::map<std::string, std::string> Migrator::scripts(std::string_view direction) const {
    const std::string suffix = "." + std::string{direction};
    std::map<std::string, std::string> found;
    for (const auto& file : files_.migrations)
        if (file.engine == connection_.engine() && file.name.ends_with(suffix))
            found.emplace(file.name.substr(0, file.name.size() - suffix.size()), file.sql);
    return found;
}

std::string Migrator::down_script(const std::string& migration) const {
    const auto known = scripts("down");
    const auto found = known.find(migration);
    if (found == known.end())
        throw std::runtime_error("this version does not know the migration " + migration);
    return found->second;
}

// Drops the functions that are not in the list, with the triggers that call them, and empties the
// others.
void Migrator::clear_functions(const std::vector<FunctionFile>& kept) {
    const auto engine = connection_.engine();
    const auto known = objects_of(files_.functions, engine);
    const auto scripts = engine == "sqlite" ? connection_.query(scripts_to_clear_sqlite, {known})
                                            : connection_.query(scripts_to_clear_postgres,
                                                                {known, objects_of(kept, engine)});
    for (const auto& script : scripts) connection_.execute(script.front());
}

void Migrator::create_functions(const std::vector<FunctionFile>& functions,
                                const std::string& migration) {
    clear_functions(functions);  // migrations up to 0008 create some
    // PL/pgSQL parses a body when it runs, and `pg_dump` restores with an empty search_path.
    const auto schema = connection_.engine() == "sqlite"
                            ? ""
                            : connection_.query("SELECT quote_ident(current_schema())")[0][0];
    for (const auto& file : functions) connection_.execute(within_schema(file.sql, schema));
    connection_.query("UPDATE schema_migrations SET functions_digest = $1 WHERE name = $2",
                      {functions_digest(functions), migration});
}
