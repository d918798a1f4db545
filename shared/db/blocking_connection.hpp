// A blocking connection for commands. It runs scripts of many statements, which the handlers'
// Database cannot.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/config.hpp"

// All functions throw std::runtime_error with the engine's message; it is a DbError if PostgreSQL
// refuses a statement, and if the disk of a SQLite file is full or fails (53100, 58030). The
// destructor rolls back.
class BlockingConnection {
public:
    using Row = std::vector<std::string>;

    // A read-only connection waits for the database no longer than a handler does. One for changes
    // waits up to 5 s for a server that is starting, and for as long as its statements take.
    enum class Purpose { look, change };

    virtual ~BlockingConnection() = default;

    virtual std::string_view engine() const = 0;  // "postgres" or "sqlite"

    // Whether its settings concern nobody else. Those of a connection through a pooler may be left
    // to the pooler's other clients.
    virtual bool has_own_session() = 0;

    // Connects to the same database once more, for changes.
    virtual std::unique_ptr<BlockingConnection> another() const = 0;

    // Begins a transaction that excludes other runners of migrations. Waits up to 30 s for them.
    // Between its statements it has no snapshot.
    virtual void begin() = 0;

    // Runs any number of statements.
    virtual void execute(const std::string& sql) = 0;

    // Runs one statement with text parameters. Null becomes an empty text.
    virtual std::vector<Row> query(const char* sql, const Row& parameters = {}) = 0;
};

// Connects to DATABASE_URL. A connection for changes creates a missing SQLite file. Throws
// ConfigError if that file must not be used, and std::runtime_error.
std::unique_ptr<BlockingConnection> connect_blocking(const Config& config,
                                                     BlockingConnection::Purpose purpose);
