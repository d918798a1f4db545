# Turns the files of sql/migrations into initialisers: {"postgres", "0001_users.up", R"sql(…)sql"},
FNR == 1 {
    if (NR > 1) print ")sql\"},"
    engine = name = FILENAME
    sub(/^sql\/migrations\//, "", engine)
    sub(/\/.*/, "", engine)
    sub(/.*\//, "", name)
    sub(/\.sql$/, "", name)
    printf "{\"%s\", \"%s\", R\"sql(", engine, name
}
{ print }
END { if (NR > 0) print ")sql\"}," }
