#include "shared/db/migrator.hpp"

#include <stdexcept>

#include "shared/timestamp.hpp"

namespace {

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

Migrator::Migrator(BlockingConnection& connection, const SchemaFiles& files)
    : connection_(connection), files_(files) {}

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
    const auto& newest = known.rbegin()->first;
    const auto digest =
        functions_digest(functions_at(connection_.engine(), newest, files_.functions));
    state.has_functions = !state.newer.empty() || digest_of(newest) == digest;
    return state;
}

Migrator::Applied Migrator::up() {
    if (state().is_current()) return {};
    connection_.begin();
    ensure_table();
    const auto now = state();  // another process may have been faster
    Applied applied{now.pending, now.pending.empty() && !now.has_functions};
    const auto known = scripts("up");
    const auto& newest = known.rbegin()->first;
    const auto functions = functions_at(connection_.engine(), newest, files_.functions);
    const bool replaces_functions = now.newer.empty() && !now.is_current();
    if (replaces_functions) clear_functions(functions);
    for (const auto& name : now.pending) {
        connection_.execute(known.at(name));
        connection_.query("INSERT INTO schema_migrations (name, applied_at) VALUES ($1, $2)",
                          {name, Timestamp::now().text()});
    }
    if (replaces_functions) create_functions(functions, newest);
    connection_.execute("COMMIT");
    return applied;
}

Migrator::Undo Migrator::next_undo() {
    const auto applied = state().applied;
    if (applied.empty()) return {};
    const auto& name = applied.rbegin()->first;
    return {name, dropped_by(down_script(name))};
}

std::string Migrator::down() {
    connection_.begin();
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

// Of the table of migrations. Earlier releases create it without functions_digest.
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
    if (has_column("functions_digest")) return;
    connection_.execute(has_column("name")
                            ? "ALTER TABLE schema_migrations ADD COLUMN functions_digest text"
                            : "CREATE TABLE schema_migrations (name text NOT NULL PRIMARY KEY, "
                              "applied_at text NOT NULL, functions_digest text)");
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
