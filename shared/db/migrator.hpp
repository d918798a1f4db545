// Migrates a database to the schema of this release, and back.
//
// A change is one transaction: it first removes the functions, views and triggers, then runs the
// migrations, then creates those objects again as the new schema needs them. Other connections see
// the old state until the commit.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "shared/db/blocking_connection.hpp"
#include "shared/db/migrations.hpp"

struct SchemaState {
    std::map<std::string, std::string> applied;  // names and times
    std::vector<std::string> pending;            // migrations of this release
    std::vector<std::string> newer;              // applied, but unknown to this release

    // Whether the functions, views and triggers are those of this release, or of a newer one.
    bool has_functions = false;

    bool is_current() const { return pending.empty() && has_functions; }
};

// Every function throws std::runtime_error; the connection must then be closed.
class Migrator {
public:
    // Both arguments must outlive the object.
    explicit Migrator(BlockingConnection& connection, const SchemaFiles& files = embedded_schema);

    SchemaState state();

    struct Applied {
        std::vector<std::string> migrations;
        bool has_replaced_functions_only = false;  // there was no migration to apply
    };
    // Applies the pending migrations. Needs no right to change the schema if there are none.
    Applied up();

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
    bool has_column(const char* name);
    void ensure_table();
    std::string digest_of(const std::string& migration);
    std::map<std::string, std::string> scripts(std::string_view direction) const;
    std::string down_script(const std::string& migration) const;
    void clear_functions(const std::vector<FunctionFile>& kept);
    void create_functions(const std::vector<FunctionFile>& functions, const std::string& migration);

    BlockingConnection& connection_;
    SchemaFiles files_;
};
