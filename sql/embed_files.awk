# Turns the files of sql/migrations or sql/functions into initialisers:
#     {"postgres", "0001_users.up", R"sql(…)sql"},
#     {"postgres", "0001_users.down", R"sql(…)sql"},
#     {"postgres", "0004_tasks", R"sql(…)sql", "task_json(tasks);task_changed()"},
# The last text of a file of functions lists what the file creates: views and triggers on SQLite, and
# functions with the types of their parameters on PostgreSQL. Below its line "-- down", a migration
# contains the statements that undo it.
#
# A migration begins with "-- works with 2.0.0": the oldest release that runs on the schema it makes.
#
# A migration whose first line is "-- concurrently" runs outside a transaction, one statement after the
# other (shared/db/migrations.hpp). So each ";" ends a line, and PostgreSQL's CONCURRENTLY is only there.
function begin(suffix) { printf "{\"%s\", \"%s%s\", R\"sql(", engine, name, suffix }
function finish() {
    if (engine == "") return
    if (kind == "migrations" && !has_down) fail("has no line \"-- down\"")
    if (kind == "migrations" && !has_release) fail("does not begin with \"-- works with RELEASE\"")
    printf ")sql\""
    if (kind == "functions") printf ", \"%s\"", objects
    print "},"
}
function fail(what) {
    print "sql/" kind "/" engine "/" name ".sql " what > "/dev/stderr"
    failed = 1
    exit 1
}
# "task_json(task tasks) RETURNS text" -> "task_json(tasks)"
function signature(text,    parameters, count, i, types) {
    sub(/\).*/, "", text)
    split(text, parameters, "(")
    text = parameters[1]
    count = split(parameters[2], parameters, ", ")
    for (i = 1; i <= count; ++i) {
        sub(/^[^ ]+ /, "", parameters[i])
        types = types (i > 1 ? "," : "") parameters[i]
    }
    return text "(" types ")"
}
FNR == 1 {
    finish()
    split(FILENAME, path, "/")
    kind = path[2]
    engine = path[3]
    name = path[4]
    sub(/\.sql$/, "", name)
    objects = ""
    has_down = 0
    is_concurrent = $0 == "-- concurrently"
    has_release = 0
    begin(kind == "migrations" ? ".up" : "")
}
FNR <= 2 && /^-- works with [0-9]+\.[0-9]+\.[0-9]+$/ { has_release = 1 }
$0 == "-- down" && kind == "migrations" {
    if (has_down) fail("has two lines \"-- down\"")
    has_down = 1
    print ")sql\"},"
    begin(".down")
    next
}
kind == "migrations" && !/^ *--/ {
    if (/ CONCURRENTLY/ && (has_down || !is_concurrent)) fail("needs CONCURRENTLY outside a transaction")
    if (/;./ && !has_down && is_concurrent) fail("has a \";\" that does not end its line")
}
$0 == "-- concurrently" && FNR > 1 { fail("has its line \"-- concurrently\" too late") }
/^CREATE / {
    object = engine == "sqlite" ? $3 : ""
    text = $0
    if (sub(/^CREATE OR REPLACE FUNCTION /, "", text)) object = signature(text)
    if (object != "") objects = objects (objects == "" ? "" : ";") object
}
{ print }
END { if (!failed) finish() }
