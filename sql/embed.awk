# Turns one file of sql/queries into a C++ header of constants: "-- name: insert_task" begins a query,
# "-- name: insert_task sqlite" right behind it is its variant for SQLite.
function flush() {
    if (name == "") return
    sub(/[ \n]+$/, "", text)
    if (engine == "sqlite") variant[name] = text
    else { order[++count] = name; common[name] = text }
    text = ""
}
# Only a statement that begins with SELECT reads and nothing else.
function reads_only(sql) { return sql ~ /^SELECT/ ? "true" : "false" }
/^-- name: / { flush(); name = $3; engine = $4; next }
/^--/ { next }
{ if (name != "" && ($0 != "" || text != "")) text = text $0 "\n" }
END {
    flush()
    print "// Generated from " FILENAME "."
    print "#pragma once\n\n#include \"shared/db/query.hpp\"\n\nnamespace sql {\n"
    for (i = 1; i <= count; ++i) {
        name = order[i]
        lite = (name in variant) ? variant[name] : common[name]
        printf "inline constexpr Query %s{\n    \"%s\",\n    R\"sql(%s)sql\",\n    R\"sql(%s)sql\",\n    %s};\n\n", \
            name, name, common[name], lite, reads_only(common[name])
        list = list "&" name ", "
    }
    resource = FILENAME
    sub(/.*\//, "", resource)
    sub(/\.sql$/, "", resource)
    printf "inline constexpr const Query* %s_queries[] = {%s};\n\n}  // namespace sql\n", resource, list
}
