// DATABASE_URL: a SQLite file, or one of libpq's URLs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/net/postgres_url.hpp"

struct DatabaseUrl {
    std::string text;         // as in the setting
    std::string sqlite_file;  // relative to RUN_DIR, absolute or ":memory:"; empty for PostgreSQL
    PostgresUrl postgres;     // empty for SQLite

    bool is_sqlite() const { return !sqlite_file.empty(); }
};

// Whether the URL starts with a scheme that parse_database_url() accepts.
bool has_database_scheme(std::string_view text);

// sqlite:///relative.db, sqlite:////absolute.db, sqlite:///:memory: (also without a name), or
// postgres[ql]:// as libpq parses it. Returns nullopt for anything else.
std::optional<DatabaseUrl> parse_database_url(std::string_view text);
