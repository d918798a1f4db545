// One SQL statement with a name. All of them are in sql/queries/*.sql and are embedded at build
// time. In the files parameters have names (:title); the text has $1, $2, … on both engines.
#pragma once

#include <span>
#include <string_view>

struct Query {
    const char* name;
    const char* postgres = "";
    const char* sqlite = "";  // the same text, unless the .sql file has a variant for SQLite
    bool reads_only = false;  // it begins with SELECT: may be repeated when its connection died
    std::span<const std::string_view> parameters = {};  // the names of $1, $2, …
};
