// One SQL statement with a name. All of them live in sql/queries/*.sql and are embedded at build
// time; the text uses $1, $2, … on both engines.
#pragma once

struct Query {
    const char* name;
    const char* postgres;
    const char* sqlite;  // the same text, unless the .sql file has a variant for SQLite
    bool reads_only;     // may be repeated when its connection died
};
