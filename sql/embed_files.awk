# Turns the files of sql/migrations or sql/functions into initialisers:
#     {"postgres", "0001_users.up", R"sql(…)sql"},
#     {"postgres", "0004_tasks", R"sql(…)sql", "task_json(tasks);task_changed()"},
# A file of functions also names what it creates: views and triggers on SQLite, and functions with the
# types of their parameters on PostgreSQL.
function finish() {
    if (engine == "") return
    printf ")sql\""
    if (kind == "functions") printf ", \"%s\"", objects
    print "},"
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
    printf "{\"%s\", \"%s\", R\"sql(", engine, name
}
/^CREATE / {
    object = engine == "sqlite" ? $3 : ""
    text = $0
    if (sub(/^CREATE OR REPLACE FUNCTION /, "", text)) object = signature(text)
    if (object != "") objects = objects (objects == "" ? "" : ";") object
}
{ print }
END { finish() }
