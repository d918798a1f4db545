// The schema of both engines as SQL texts, embedded from sql/migrations and sql/functions at build
// time.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct MigrationFile {
    std::string_view engine;  // "postgres" or "sqlite"
    std::string_view name;    // "0001_users.up"
    const char* sql;
};

// The functions, views and triggers of one subject. The name begins with the number of the first
// migration that the file applies to; if several files on a subject apply, the last one is used.
struct FunctionFile {
    std::string_view engine;
    std::string_view name;     // "0004_tasks"
    const char* sql;           // repeatable; ":schema." stands for PostgreSQL's current schema
    std::string_view objects;  // "task_json(tasks);task_changed()": what `sql` creates
};

struct SchemaFiles {
    std::span<const MigrationFile> migrations;
    std::span<const FunctionFile> functions;
};

inline constexpr MigrationFile migration_files[] = {
#include "migrations.inc"
};

inline constexpr FunctionFile function_files[] = {
#include "functions.inc"
};

inline constexpr SchemaFiles embedded_schema{migration_files, function_files};

// "0001_users"
consteval std::string_view newest_migration(std::string_view engine) {
    std::string_view newest;
    for (const auto& file : migration_files)
        if (file.engine == engine && file.name.ends_with(".up"))
            newest = std::max(newest, file.name);
    newest.remove_suffix(std::string_view{".up"}.size());
    return newest;
}

// The files that apply while `migration` is the newest one applied, in the order in which they run:
// the order of each subject's first file, and `events` last, because every write locks its own
// table first and then `events`. Empty for an empty name.
std::vector<FunctionFile> functions_at(std::string_view engine, std::string_view migration,
                                       std::span<const FunctionFile> files = function_files);

// What a "down" script drops together with its data: tables, columns as "table.column", and rows as
// "rows of table".
std::vector<std::string> dropped_by(const std::string& script);

// Whether the script of a migration begins with the line "-- concurrently": its statements run
// outside a transaction, so that PostgreSQL can build an index while others write.
bool is_concurrent(std::string_view script);

// The oldest release that works with the schema after this migration, from the line "-- works with
// 2.0.0" at its beginning. Empty if there is none.
std::string oldest_release(const std::string& script);

// Whether one release ("2.0.0") comes before another one (https://semver.org, section 11).
bool is_older_release(std::string_view release, std::string_view other);

// The statements of a concurrent migration. A ";" at the end of a line ends a statement.
std::vector<std::string> statements_of(const std::string& script);

// The same script for one transaction: without the word CONCURRENTLY.
std::string within_transaction(std::string script);

// Identifies a set of functions: the SHA-256 of their texts, in hex.
std::string functions_digest(std::span<const FunctionFile> functions);
