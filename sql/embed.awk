# Turns one file of sql/queries into a C++ header of constants. sql/fragments.sql, which is read before it,
# has the fragments that several files use.
#
#   -- name: insert_task            begins a query
#   -- name: insert_task appends    begins one that appends (shared/db/query.hpp)
#   -- fragment: task_columns       begins a text that is inserted below as {task_columns}
#   -- name: insert_task sqlite     directly below it: its variant for SQLite
#   -- fragment: condition sqlite   directly below it: its variant for SQLite
#
# Parameters have names (:title). They become $1, $2, … in the order in which the query first names
# them. A query only reads if it begins with SELECT or WITH and changes nothing. A mistake stops the
# build with its file and line.

function fail(line, message) {
    printf "%s:%d: %s\n", FILENAME, line, message > "/dev/stderr"
    failed = 1
    exit 1
}

# Replaces fragments by their texts for the engine.
function with_fragments(sql, engine,    result, word) {
    result = ""
    while (match(sql, /\{[a-z_0-9]+\}/)) {
        word = substr(sql, RSTART + 1, RLENGTH - 2)
        if (!((word, engine) in fragment)) fail(FNR, "no fragment " word " above")
        is_used[word] = 1
        result = result substr(sql, 1, RSTART - 1) fragment[word, engine]
        sql = substr(sql, RSTART + RLENGTH)
    }
    return result sql
}

function number_of(parameter) {
    if (!((name, parameter) in number)) {
        if (is_variant) fail(FNR, name " has no parameter :" parameter)
        number[name, parameter] = ++count_of[name]
        names_of[name] = names_of[name] (count_of[name] == 1 ? "" : ", ") "\"" parameter "\""
    }
    return "$" number[name, parameter]
}

# Replaces parameters, but not in literals, quoted names and comments, nor the type behind "::".
function with_numbers(sql, engine,    result, token) {
    result = ""
    while (match(sql, in_literal[engine] ? "'" : "'|\"[^\"]*\"|--.*|::|:[a-z_][a-z_0-9]*|[$][0-9]+")) {
        token = substr(sql, RSTART, RLENGTH)
        result = result substr(sql, 1, RSTART - 1)
        sql = substr(sql, RSTART + RLENGTH)
        if (token == "'") in_literal[engine] = !in_literal[engine]
        if (token ~ /^[$]/) fail(FNR, "name the parameter instead of " token)
        result = result (token ~ /^:[a-z_]/ ? number_of(substr(token, 2)) : token)
    }
    return result sql
}

# Adds a line to the text of the current block for one engine.
function add_line(line, engine) {
    line = with_fragments(line, engine)
    if (kind == "query") line = with_numbers(line, engine)
    text[engine] = text[engine] line "\n"
}

function end_of_block(    engine) {
    for (engine in text) {
        sub(/[ \n]+$/, "", text[engine])
        if (kind == "query") query[name, engine] = text[engine]
        if (kind == "fragment") fragment[name, engine] = text[engine]
    }
    delete text
    delete in_literal
}

# Without a variant, both engines have the same text.
function begin_block(new_kind) {
    end_of_block()
    is_variant = $4 == "sqlite"
    if (is_variant && (new_kind != kind || $3 != name))
        fail(FNR, "the variant of " $3 " must be directly below it")
    kind = new_kind
    name = $3
}

function only_reads(sql) {
    return sql ~ /^SELECT/ || (sql ~ /^WITH/ && sql !~ /(INSERT|UPDATE|DELETE) /) ? "true" : "false"
}

FNR == 1 {
    end_of_block()
    kind = ""
    fragment_count = 0
}
/^-- fragment: / {
    begin_block("fragment")
    if (is_variant) next
    if (name in line_of_fragment) fail(FNR, "a second fragment " name)
    line_of_fragment[name] = FNR
    fragments[++fragment_count] = name
    next
}
/^-- name: / {
    begin_block("query")
    if (!is_variant) queries[++query_count] = name
    if ($4 == "appends") is_appending[name] = 1
    else if ($4 != "" && !is_variant) fail(FNR, "no mark " $4)
    next
}
/^--/ { next }
kind != "" && ($0 != "" || "sqlite" in text) {
    if (!is_variant) add_line($0, "postgres")
    add_line($0, "sqlite")
}

END {
    if (failed) exit 1
    end_of_block()
    for (i = 1; i <= fragment_count; ++i)
        if (!(fragments[i] in is_used))
            fail(line_of_fragment[fragments[i]], "fragment " fragments[i] " is not used")

    print "// Generated from " FILENAME "."
    print "#pragma once\n\n#include \"shared/db/query.hpp\"\n\nnamespace sql {\n"
    for (i = 1; i <= query_count; ++i) {
        name = queries[i]
        parameters = ""
        if (name in count_of) {
            parameters = name "_parameters"
            printf "inline constexpr std::string_view %s[] = {%s};\n", parameters, names_of[name]
        }
        printf "inline constexpr Query %s{\n    \"%s\",\n    R\"sql(%s)sql\",\n    R\"sql(%s)sql\",\n    %s,\n    {%s},\n    %s};\n\n", \
            name, name, query[name, "postgres"], query[name, "sqlite"], only_reads(query[name, "postgres"]), parameters, \
            name in is_appending ? "true" : "false"
        list = list "&" name ", "
    }
    resource = FILENAME
    sub(/.*\//, "", resource)
    sub(/\.sql$/, "", resource)
    printf "inline constexpr const Query* %s_queries[] = {%s};\n\n}  // namespace sql\n", resource, list
}
