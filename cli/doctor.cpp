#include "cli/doctor.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "cli/checks.hpp"
#include "cli/database.hpp"
#include "cli/endpoint_list.hpp"
#include "cli/fold_tasks.hpp"
#include "cli/handlers.hpp"
#include "cli/migrate.hpp"
#include "shared/async.hpp"
#include "shared/auth/fetch.hpp"
#include "shared/auth/key_set.hpp"
#include "shared/config/setting.hpp"
#include "shared/db/blocking_connection.hpp"
#include "shared/db/readiness.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/limits/redis_limiter.hpp"
#include "shared/log.hpp"
#include "shared/redis/connection.hpp"
#include "shared/redis/url.hpp"
#include "sql/doctor.hpp"
#include "sql/health.hpp"

namespace {

// What does not keep the service from running, but should be known.
class Warning : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// A check returns what it found. It throws a Warning, or another exception if something is wrong.
std::string plural(std::size_t count, const std::string& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

Async<> ping(Database& database) {
    db::Batch batch;
    batch.add(sql::ping);
    co_await database.run(std::move(batch));
}

Async<> ping_twice(Database& database, std::chrono::microseconds& round_trip) {
    co_await ping(database);  // connects
    const auto before = Clock::now();
    co_await ping(database);
    round_trip = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - before);
}

std::string check_database(const Config& config) {
    if (config.sqlite_path()) {  // with_database() may change its journal mode
        require_sqlite_file(config);
        look_at_schema(config);
        return database_name(config) + " can be read";
    }
    std::chrono::microseconds round_trip{};
    try {
        with_database(config, [&](Database& database) { return ping_twice(database, round_trip); });
    } catch (const DbError& error) {
        throw std::runtime_error(database_name(config) + ": " + error.what() +
                                 ": check DATABASE_URL");
    }
    return database_name(config) + " answers in " + std::to_string(round_trip.count()) + " µs";
}

struct Room {
    std::int64_t room{};

    static consteval auto fields() { return std::tuple{json::field("room", &Room::room)}; }
};

struct BehindTable {
    std::string table;

    static consteval auto fields() { return std::tuple{json::field("table", &BehindTable::table)}; }
};

struct MissingGrant {
    std::string table;
    std::string right;
    std::string role;

    static consteval auto fields() {
        return std::tuple{json::field("table", &MissingGrant::table),
                          json::field("right", &MissingGrant::right),
                          json::field("role", &MissingGrant::role)};
    }
};

struct OldTransaction {
    std::string holder;
    std::int64_t seconds{};
    std::string remedy;
    bool holds_events{};

    static consteval auto fields() {
        return std::tuple{json::field("holder", &OldTransaction::holder),
                          json::field("seconds", &OldTransaction::seconds),
                          json::field("remedy", &OldTransaction::remedy),
                          json::field("holds_events", &OldTransaction::holds_events)};
    }
};

template <class T>
Async<> collect(Database& database, db::Statement statement, std::vector<T>& rows) {
    db::Batch batch;
    const auto slot = batch.add<T>(std::move(statement));
    const auto results = co_await database.run(std::move(batch));
    rows = results.all(slot);
}

// The rows of one statement.
template <class T>
std::vector<T> rows_of(const Config& config, const db::Statement& statement) {
    std::vector<T> rows;
    with_database(config, [&](Database& database) { return collect(database, statement, rows); });
    return rows;
}

// Compares the connections that all processes may open, and those that they keep when idle, with
// what the server allows.
std::string check_connections(const Config& config) {
    const auto room = rows_of<Room>(config, db::statement(sql::room_for_connections)).at(0).room;
    std::int64_t processes = 0;
    for (const auto& endpoint : read_endpoint_list())
        processes += static_cast<std::int64_t>(worker_count(config, endpoint));
    const auto most = processes * config.db_pool_size;
    const auto arithmetic = std::to_string(processes) + " processes with DB_POOL_SIZE " +
                            std::to_string(config.db_pool_size) + " open up to " +
                            std::to_string(most) + " connections and keep " +
                            std::to_string(processes);
    const auto server = "; the server allows " + std::to_string(room) + " in total";
    if (most <= room) return arithmetic + server;
    return arithmetic + server +
           (processes > room ? ": too few" : ": some will be refused under load") +
           "; raise max_connections, lower DB_POOL_SIZE, or connect through a pooler";
}

// Runs the query of /healthz.
std::string check_writes(const Config& config) {
    with_database(config, [](Database& database) { return check_readiness(database); });
    return "accepted";
}

std::string check_grants(const Config& config) {
    const auto missing = rows_of<MissingGrant>(config, db::statement(sql::missing_grants));
    if (missing.empty()) return "complete";
    std::string rights;
    for (const auto& [table, right, role] : missing)
        rights.append(rights.empty() ? "" : ", ").append(right).append(" on ").append(table);
    const auto& role = missing.front().role;
    throw std::runtime_error(
        "the role " + role + " lacks " + rights +
        ". As the owner of the tables, run: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN "
        "SCHEMA public TO " +
        role + "; GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO " + role + ";");
}

std::string check_transactions(const Config& config) {
    constexpr std::int64_t old_seconds = 60;
    const auto found = rows_of<OldTransaction>(
        config, db::statement(sql::old_transactions, db::named("seconds", old_seconds)));
    std::string holders;
    bool holds_events = false;
    for (const auto& one : found) {
        holds_events |= one.holds_events;
        holders.append(holders.empty() ? "" : "; ")
            .append(one.holder)
            .append(", ")
            .append(std::to_string(one.seconds))
            .append(" s old, ends with: ")
            .append(one.remedy);
    }
    if (found.empty()) return "none is older than a minute";
    if (holds_events) throw std::runtime_error("the event feed is held back by " + holders);
    throw Warning("dead rows are kept, so leasing jobs slows down, by " + holders);
}

std::string check_sequences(const Config& config) {
    std::vector<BehindTable> behind;
    try {
        behind = rows_of<BehindTable>(config, db::statement(sql::sequences_behind));
    } catch (const DbError& error) {
        if (error.sqlstate() != sqlstate::insufficient_privilege) throw;
        return "unknown: this role needs SELECT on all sequences to look at them";
    }
    if (behind.empty()) return "ahead of their tables";
    std::string repair;
    for (const auto& [table] : behind)
        repair.append(" SELECT setval('")
            .append(table)
            .append("_id_seq', (SELECT max(id) FROM ")
            .append(table)
            .append("));");
    throw std::runtime_error("behind their tables, so inserts will fail. In psql, run:" + repair);
}

Async<> ping_twice(std::shared_ptr<RedisConnection> redis, std::chrono::microseconds& round_trip) {
    const std::vector<std::string> words{"PING"};
    auto pong = co_await redis->run(words, Clock::now() + redis_deadline);  // connects
    const auto before = Clock::now();
    if (pong.type != REDIS_REPLY_ERROR) pong = co_await redis->run(words, before + redis_deadline);
    round_trip = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - before);
    if (pong.type == REDIS_REPLY_ERROR) throw RedisError{"it answered " + pong.error_code()};
    if (pong.text != "PONG") throw RedisError{"unexpected reply"};
}

std::string check_folded_texts(const Config& config) {
    // Opening the database for statements would change a SQLite file.
    const auto connection = connect_blocking(config, BlockingConnection::Purpose::look);
    const auto total = count_tasks_to_fold(*connection);
    if (total == 0) return "complete";
    throw Warning(plural(static_cast<std::size_t>(total), "task") +
                  " of another program, such as an earlier release, may be missing in searches: "
                  "run `steelthread migrate up`");
}

std::string check_limits(const Config& config) {
    if (!config.redis_url) return "counted in RUN_DIR";
    const auto& url = *config.redis_url;
    const auto place = "Redis (" + url.place() + ")";
    std::chrono::microseconds round_trip{};
    try {
        Loop loop{1};
        const auto redis = std::make_shared<RedisConnection>(loop, url);
        spawn(loop, ping_twice(redis, round_trip), rethrow);
        loop.run();
    } catch (const RedisError& error) {
        throw std::runtime_error(place + ": " + error.what() + ": check REDIS_URL");
    }
    return place + " answers in " + std::to_string(round_trip.count()) + " µs";
}

std::string check_key_set(const Config& config) {
    const bool is_file = !config.jwks_url;
    if (is_file && config.jwks_file.empty()) return "none";
    // A URL may contain a secret.
    const auto source = is_file ? "JWKS_FILE (" + config.jwks_file + ")" : "JWKS_URL";
    try {
        const auto parsed =
            parse_key_set(is_file ? read_key_file(config.jwks_file) : fetch(config.jwks_url->text));
        auto found = plural(parsed.keys.size(), "key") + " of " + source;
        for (const auto& reason : parsed.skipped) found += "; skipped one: " + reason;
        if (parsed.keys.empty())
            throw std::runtime_error("it has no key that this service can use: " + found);
        return found;
    } catch (const std::exception& error) {
        throw std::runtime_error(source + ": " + error.what());
    }
}

}  // namespace

bool examine(std::ostream& out) {
    logging::set_level(logging::Level::error);  // the list says what a warning would
    bool is_sound = true;
    const auto report = [&](const char* what, const std::function<std::string()>& check) {
        try {
            const auto found = check();
            out << "ok     " << what << ": " << found << '\n';
            return true;
        } catch (const Warning& warning) {
            out << "warn   " << what << ": " << warning.what() << '\n';
            return true;
        } catch (const std::exception& error) {
            out << "FAULT  " << what << ": " << error.what() << '\n';
            return is_sound = false;
        }
    };
    Config config;
    const bool is_configured = report("settings", [&] {
        config = load_config();
        return setting("ENVIRONMENT").print(config);
    });
    if (!is_configured) return false;
    for (const auto& check : start_checks()) report(check.name, [&] { return check.look(config); });
    if (report("database", [&] { return check_database(config); })) {
        const bool is_postgres = !config.sqlite_path();
        if (is_postgres) {
            report("connections", [&] { return check_connections(config); });
            report("grants", [&] { return check_grants(config); });
            report("transactions", [&] { return check_transactions(config); });
        }
        const bool is_migrated = report("migrations", [&] { return check_schema(config); });
        if (is_migrated) report("folded texts", [&] { return check_folded_texts(config); });
        if (is_postgres && is_migrated) {
            report("writes", [&] { return check_writes(config); });
            report("sequences", [&] { return check_sequences(config); });
        }
    }
    report("limits", [&] { return check_limits(config); });
    report("key set", [&] { return check_key_set(config); });
    if (config.jwks_audience == any_audience)
        report("JWKS_AUDIENCE", []() -> std::string {
            throw Warning("any: tokens for other services are accepted");
        });
    return is_sound;
}
