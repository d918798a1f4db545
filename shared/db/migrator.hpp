// Brings a database to the schema of this release, and back.
//
// A change is one transaction: first the functions, views and triggers get out of the way, then the
// migrations run, then those objects are made again as this schema needs them. Until its commit
// other connections find everything as it was.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "shared/db/blocking_connection.hpp"
#include "shared/db/migrations.hpp"

struct SchemaState {
    std::map<std::string, std::string> applied;  // names with their moments
    std::vector<std::string> pending;            // names of this release's
    std::vector<std::string> newer;              // applied, and unknown to this release

    // The functions, views and triggers are those of this release, or of a newer one.
    bool has_functions = false;

    bool is_current() const { return pending.empty() && has_functions; }
};

// Every member throws std::runtime_error, and then the connection must be closed.
class Migrator {
public:
    // Both arguments must outlive it.
    explicit Migrator(BlockingConnection& connection, const SchemaFiles& files = embedded_schema);

    SchemaState state();

    struct Applied {
        std::vector<std::string> migrations;
        bool has_replaced_functions = false;  // without any migration
    };
    // Applies what is pending. Needs no right to change the schema where nothing is.
    Applied up();

    // Undoes the newest migration and returns its name; empty when there is none. Throws when this
    // release does not know it.
    std::string down();

private:
    bool has_table(bool with_digest);
    void ensure_table();
    std::string digest_of(const std::string& migration);
    std::map<std::string, std::string> scripts(std::string_view direction) const;
    void clear_functions(const std::vector<FunctionFile>& kept);
    void create_functions(const std::vector<FunctionFile>& functions, const std::string& migration);

    BlockingConnection& connection_;
    SchemaFiles files_;
};
