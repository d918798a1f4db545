// A named SQL statement. All of them are in sql/queries/*.sql and are embedded at build time. Their
// parameters have names in the files (:title), and are $1, $2, … in the texts for both engines.
#pragma once

#include <span>
#include <string_view>

struct Query {
    const char* name;
    const char* postgres = "";
    const char* sqlite = "";  // the same text, unless the .sql file has a variant for SQLite
    // Whether it begins with SELECT, so that it may be repeated if its connection was lost.
    bool reads_only = false;
    std::span<const std::string_view> parameters = {};  // the names of $1, $2, …
    // Whether it inserts rows and changes none that was there before, other than counters. The .sql
    // file says so: `-- name: insert_task appends`.
    bool appends = false;
};
