// Functions of PostgreSQL that queries use and SQLite lacks, or has with another result.
#pragma once

#include "shared/timestamp.hpp"

struct sqlite3;

// Adds them to a connection, which `transaction_time` must outlive: it is what now() returns, so
// that it stands still for a whole transaction as in PostgreSQL. Throws DbError.
void add_sqlite_functions(sqlite3* connection, Timestamp* transaction_time);
