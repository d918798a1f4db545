// Migrates a database to the schema of this release, and back.
//
// A change is one transaction: it first removes the functions, views and triggers, then runs the
// migrations, then creates those objects again as the new schema needs them. Other connections see
// the old state until the commit.
//
// A concurrent migration (is_concurrent()) is applied outside such a transaction, statement by
// statement, beside the functions that the migrations before it need. If it is interrupted, it is
// applied from its first statement the next time.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "shared/db/blocking_connection.hpp"
#include "shared/db/migrations.hpp"

struct SchemaState {
    std::map<std::string, std::string> applied;  // names and times
    std::vector<std::string> pending;            // migrations of this release
    std::vector<std::string> newer;              // applied, but unknown to this release

    // The oldest release that works with all of `newer`; empty if that is unknown.
    std::string oldest_release;

    // Whether the functions, views and triggers are those of this release, or of a newer one.
    bool has_functions = false;

    bool is_current() const { return pending.empty() && has_functions; }
};

// How long a change waits for a lock of PostgreSQL that another transaction holds. Everyone else
// who asks for the same table waits behind it, so a change gives up soon, and tries again after a
// pause.
struct LockWaits {
    std::chrono::milliseconds once{500};
    std::chrono::milliseconds in_all{60'000};
};

// Every function throws std::runtime_error; the connection must then be closed.
class Migrator {
public:
    // Connection and files must outlive the object.
    explicit Migrator(BlockingConnection& connection, const SchemaFiles& files = embedded_schema,
                      LockWaits lock_waits = {});

    SchemaState state();

    struct Applied {
        std::vector<std::string> migrations;
        bool has_replaced_functions_only = false;  // there was no migration to apply
    };
    // Applies the pending migrations: consecutive ones in one transaction, each concurrent one by
    // itself, and on a new database all of them in one transaction. Needs no right to change the
    // schema if there are none. If a migration fails, those of earlier transactions stay applied.
    // Calls `prepare` with the name of each concurrent migration before that, outside of any
    // transaction.
    Applied up(const std::function<void(const std::string& migration)>& prepare = {});

    struct Undo {
        std::string migration;             // empty if there is none to undo
        std::vector<std::string> dropped;  // tables, and columns as "table.column"
    };
    // What down() would do. Throws if this release does not know the migration.
    Undo next_undo();

    // Undoes the newest migration and returns its name; empty if there is none. Throws if this
    // release does not know the migration.
    std::string down();

private:
    std::vector<std::string> together(const SchemaState& state) const;
    void apply_together(Applied& applied);
    void apply_alone(const std::string& migration, Applied& applied);
    bool apply_outside(const std::string& migration);
    bool apply_by_statements(const std::string& migration);
    bool is_next(const std::string& migration);
    void await(const std::string& migration);
    std::string undo_newest();
    void begin();
    void with_patience(const std::function<void()>& change);
    std::string lock_holders();
    bool has_column(const char* name);
    void ensure_table();
    void record(const std::string& migration, const std::string& digest);
    std::string oldest_release_of(const std::vector<std::string>& migrations);
    std::string digest_of(const std::string& migration);
    std::map<std::string, std::string> scripts(std::string_view direction) const;
    std::string down_script(const std::string& migration) const;
    void clear_functions(const std::vector<FunctionFile>& kept);
    void create_functions(const std::vector<FunctionFile>& functions, const std::string& migration);

    BlockingConnection& connection_;
    SchemaFiles files_;
    LockWaits lock_waits_;
};
