// Functions of PostgreSQL that queries use and that SQLite lacks or defines differently.
#pragma once

#include "shared/timestamp.hpp"

struct sqlite3;

// Adds them to a connection. `transaction_time` must outlive it: now() returns it, so that the time
// is constant within a transaction as in PostgreSQL. Throws DbError.
void add_sqlite_functions(sqlite3* connection, Timestamp* transaction_time);
