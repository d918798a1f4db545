# Turns one file of sql/queries into a C++ header of constants.
#
#   -- name: insert_task            begins a query
#   -- name: insert_task sqlite     directly below it: its variant for SQLite
#   -- fragment: task_columns       begins a text that is inserted below as {task_columns}
#
# Parameters have names (:title). They become $1, $2, … in the order in which the query first names
# them; a variant may use only the names of its query. A mistake stops the build with its file and line.

function fail(line, message) {
    printf "%s:%d: %s\n", FILENAME, line, message > "/dev/stderr"
    failed = 1
    exit 1
}

function end_of_block() {
    sub(/[ \n]+$/, "", text)
    if (kind == "query") common[name] = text
    if (kind == "variant") variant[name] = text
    if (kind == "fragment") fragment[name] = text
    text = ""
    in_literal = 0
}

function with_fragments(sql,    result, word) {
    result = ""
    while (match(sql, /\{[a-z_0-9]+\}/)) {
        word = substr(sql, RSTART + 1, RLENGTH - 2)
        if (!(word in fragment)) fail(FNR, "no fragment " word " above")
        is_used[word] = 1
        result = result substr(sql, 1, RSTART - 1) fragment[word]
        sql = substr(sql, RSTART + RLENGTH)
    }
    return result sql
}

function number_of(parameter) {
    if (!((name, parameter) in number)) {
        if (kind == "variant") fail(FNR, name " has no parameter :" parameter)
        number[name, parameter] = ++count_of[name]
        names_of[name] = names_of[name] (count_of[name] == 1 ? "" : ", ") "\"" parameter "\""
    }
    return "$" number[name, parameter]
}

# Replaces parameters, but neither in literals, quoted names and comments nor after "::", where a type
# follows.
function with_numbers(sql,    result, token) {
    result = ""
    while (match(sql, in_literal ? "'" : "'|\"[^\"]*\"|--.*|::|:[a-z_][a-z_0-9]*|[$][0-9]+")) {
        token = substr(sql, RSTART, RLENGTH)
        result = result substr(sql, 1, RSTART - 1)
        sql = substr(sql, RSTART + RLENGTH)
        if (token == "'") in_literal = !in_literal
        if (token ~ /^[$]/) fail(FNR, "name the parameter instead of " token)
        result = result (token ~ /^:[a-z_]/ ? number_of(substr(token, 2)) : token)
    }
    return result sql
}

# A statement that begins with SELECT only reads; any other may write.
function reads_only(sql) { return sql ~ /^SELECT/ ? "true" : "false" }

/^-- fragment: / {
    end_of_block()
    kind = "fragment"
    name = $3
    if (name in line_of_fragment) fail(FNR, "a second fragment " name)
    line_of_fragment[name] = FNR
    fragments[++fragment_count] = name
    next
}
/^-- name: / {
    end_of_block()
    kind = $4 == "sqlite" ? "variant" : "query"
    if (kind == "variant" && $3 != name) fail(FNR, "the variant of " $3 " must be directly below it")
    name = $3
    if (kind == "query") order[++count] = name
    next
}
/^--/ { next }
kind != "" && ($0 != "" || text != "") {
    line = with_fragments($0)
    text = text (kind == "fragment" ? line : with_numbers(line)) "\n"
}

END {
    if (failed) exit 1
    end_of_block()
    for (i = 1; i <= fragment_count; ++i)
        if (!(fragments[i] in is_used))
            fail(line_of_fragment[fragments[i]], "fragment " fragments[i] " is not used")

    print "// Generated from " FILENAME "."
    print "#pragma once\n\n#include \"shared/db/query.hpp\"\n\nnamespace sql {\n"
    for (i = 1; i <= count; ++i) {
        name = order[i]
        lite = (name in variant) ? variant[name] : common[name]
        parameters = ""
        if (name in count_of) {
            parameters = name "_parameters"
            printf "inline constexpr std::string_view %s[] = {%s};\n", parameters, names_of[name]
        }
        printf "inline constexpr Query %s{\n    \"%s\",\n    R\"sql(%s)sql\",\n    R\"sql(%s)sql\",\n    %s,\n    {%s}};\n\n", \
            name, name, common[name], lite, reads_only(common[name]), parameters
        list = list "&" name ", "
    }
    resource = FILENAME
    sub(/.*\//, "", resource)
    sub(/\.sql$/, "", resource)
    printf "inline constexpr const Query* %s_queries[] = {%s};\n\n}  // namespace sql\n", resource, list
}
