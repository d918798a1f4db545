#include "cli/migrate.hpp"

#include <algorithm>
#include <memory>
#include <ostream>
#include <stdexcept>

#include "cli/consent.hpp"
#include "cli/database.hpp"
#include "cli/developer_account.hpp"
#include "cli/fold_tasks.hpp"
#include "cli/run_dir.hpp"
#include "shared/db/migrator.hpp"
#include "shared/net/url_host.hpp"
#include "shared/text.hpp"

namespace {

using Purpose = BlockingConnection::Purpose;

// Every cluster has its own transaction numbers: after a restore from another one, events may have
// numbers that this cluster has not reached, and would be taken for not yet committed.
bool has_foreign_events(BlockingConnection& connection) {
    if (connection.engine() == "sqlite") return false;
    const auto newest = connection.query(
        "SELECT greatest("
        "(SELECT transaction_id::text::bigint FROM events ORDER BY transaction_id DESC LIMIT 1), "
        "(SELECT transaction_id::text::bigint FROM events_pruned)) >= "
        "pg_snapshot_xmax(pg_current_snapshot())::text::bigint");
    return newest.front().front() == "t";
}

// The events keep the order of their ids, and their positions begin a new history. Another runner
// may have done this before this one got the lock. Returns whether it did something.
bool adopt_events(BlockingConnection& connection, std::ostream& out) {
    if (!has_foreign_events(connection)) return false;
    connection.begin();
    const bool is_foreign = has_foreign_events(connection);
    if (is_foreign) {
        connection.execute("UPDATE events SET transaction_id = '0' WHERE transaction_id <> '0'");
        connection.execute("UPDATE events_pruned SET transaction_id = '0'");
        connection.execute("INSERT INTO feed_epoch DEFAULT VALUES");
    }
    connection.execute("COMMIT");
    if (is_foreign) out << "adopted the events of another cluster\n";
    return is_foreign;
}

// Null if the SQLite file does not exist: reading the state must not create it.
std::unique_ptr<BlockingConnection> connect_to_look(const Config& config) {
    return lacks_sqlite_file(config) ? nullptr : connect_blocking(config, Purpose::look);
}

// "jobs, tasks.due_at with all data"
std::string listed(const std::vector<std::string>& dropped) {
    return dropped.empty() ? "no data" : joined(dropped, ", ") + " with all data";
}

// The port is shown where it is not PostgreSQL's own.
std::string place(const Host& host) {
    auto place = url_host(host.name.empty() ? host.address : host.name);
    if (!host.port.empty() && host.port != "5432") place += ":" + host.port;
    return place;
}

SchemaState state_of(BlockingConnection* connection) {
    if (connection) return Migrator{*connection}.state();
    SchemaState without_file;
    for (const auto& file : migration_files)
        if (file.engine == "sqlite" && file.name.ends_with(".up"))
            without_file.pending.emplace_back(file.name.substr(0, file.name.size() - 3));
    return without_file;
}

bool may_create_tables(BlockingConnection& connection) {
    return connection.query("SELECT has_schema_privilege(current_schema(), 'CREATE')")
               .front()
               .front() == "t";
}

}  // namespace

bool migrate_up(const Config& config, std::ostream& out) {
    make_sqlite_place(config);
    const auto connection = connect_blocking(config, Purpose::change);
    // Before these indexes are built, no release uses the folded texts.
    std::int64_t folded = 0;
    const auto applied = Migrator{*connection}.up([&](const std::string& migration) {
        if (migration == "0017_task_indexes") folded += fold_tasks(config, /* are_served */ false);
    });
    if (count_tasks_to_fold(*connection) > 0) folded += fold_tasks(config, /* are_served */ true);
    for (const auto& name : applied.migrations) out << "applied " << name << '\n';
    if (applied.has_replaced_functions_only) out << "replaced the functions and triggers\n";
    if (folded > 0)
        out << "folded the texts of " << folded << (folded == 1 ? " task\n" : " tasks\n");
    const bool has_adopted = adopt_events(*connection, out);
    const bool has_account = make_developer_account(config, *connection, out);
    return !applied.migrations.empty() || applied.has_replaced_functions_only || folded > 0 ||
           has_adopted || has_account;
}

void migrate_down(const Config& config, Consent consent, std::ostream& out) {
    if (const auto pid = supervisor_of(config.run_dir); pid != 0)
        throw std::runtime_error("the service is running (pid " + std::to_string(pid) +
                                 "): stop it before you undo a migration");
    if (lacks_sqlite_file(config)) {
        out << "nothing to undo\n";
        return;
    }
    const auto connection = connect_blocking(config, Purpose::change);
    Migrator migrator{*connection};
    if (const auto undo = migrator.next_undo(); !undo.migration.empty()) {
        const auto effect = "undoing " + undo.migration + " drops " + listed(undo.dropped);
        if (config.is_production() && !consent.is_forced)
            throw std::runtime_error("ENVIRONMENT is production, and " + effect +
                                     ": make a backup, and repeat with `migrate down --force`");
        require_consent(effect, consent.is_given || consent.is_forced, "migrate down --yes");
    }
    const auto undone = migrator.down();
    out << (undone.empty() ? "nothing to undo" : "undone " + undone) << '\n';
}

void migrate_status(const Config& config, std::ostream& out) {
    const auto state = state_of(connect_to_look(config).get());
    auto lines = state.applied;
    for (const auto& name : state.pending) lines[name] = "pending";
    for (const auto& [name, moment] : lines) out << name << "  " << moment << '\n';
    out << "functions  "
        << (!state.is_current()   ? "pending"
            : state.newer.empty() ? "up to date"
                                  : "of a newer release")
        << '\n';
}

Schema look_at_schema(const Config& config) {
    const auto connection = connect_to_look(config);
    const auto state = state_of(connection.get());
    Schema schema{state.pending, state.newer, state.oldest_release};
    if (state.pending.empty() && !state.has_functions) schema.pending.emplace_back("functions");
    if (schema.pending.empty() && has_foreign_events(*connection))
        schema.pending.emplace_back("the events of another cluster");
    if (!schema.pending.empty() && connection && connection->engine() == "postgres")
        schema.may_change = may_create_tables(*connection);
    return schema;
}

std::string database_name(const Config& config) {
    if (const auto path = config.sqlite_path()) return "SQLite (" + *path + ")";
    const auto& url = config.database_url.postgres;
    std::vector<std::string> places;
    places.reserve(url.hosts.size());
    for (const auto& host : url.hosts) places.push_back(place(host));
    return "PostgreSQL (" + joined(places, ",") + "/" + url.database + ")";
}
