// sql/embed.awk: its output for a file of queries, and the mistakes that stop the build.
#include <criterion/criterion.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/support/expect.hpp"

namespace {

namespace fs = std::filesystem;

struct Outcome {
    int status;
    std::string output;
};

// Runs the script on a file songs.sql with this text.
Outcome embed(const std::string& sql) {
    std::string folder = (fs::temp_directory_path() / "steelthread-embed-XXXXXX").string();
    cr_assert_not_null(mkdtemp(folder.data()));
    std::ofstream{folder + "/songs.sql"} << sql;
    const auto command =
        "cd " + folder + " && awk -f " + fs::absolute("sql/embed.awk").string() + " songs.sql 2>&1";
    FILE* const pipe = popen(command.c_str(), "r");
    cr_assert_not_null(pipe);
    std::string output;
    char buffer[4096];
    while (const auto size = fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, size);
    const int status = pclose(pipe);
    fs::remove_all(folder);
    return {status, output};
}

void expect_made(const std::string& sql, std::string_view wanted) {
    const auto made = embed(sql);
    cr_expect_eq(made.status, 0);
    const auto begin = made.output.find("namespace sql {\n\n");
    const auto end = made.output.find("inline constexpr const Query* songs_queries");
    cr_assert(begin != std::string::npos && end != std::string::npos, "%s", made.output.c_str());
    EXPECT_TEXT(made.output.substr(begin + 17, end - begin - 17), wanted);
}

}  // namespace

Test(embed, numbers_parameters_as_the_query_first_names_them) {
    expect_made(
        "-- name: rename\nUPDATE songs SET title = :title, by = :by\n"
        "WHERE id = :id AND title <> :title\n"
        "-- name: rename sqlite\nUPDATE songs SET title = :title WHERE :id = id\n",
        R"(inline constexpr std::string_view rename_parameters[] = {"title", "by", "id"};
inline constexpr Query rename{
    "rename",
    R"sql(UPDATE songs SET title = $1, by = $2
WHERE id = $3 AND title <> $1)sql",
    R"sql(UPDATE songs SET title = $1 WHERE $3 = id)sql",
    false,
    {rename_parameters},
    false};

)");
}

Test(embed, leaves_colons_that_are_no_parameters) {
    expect_made(
        "-- name: find\n-- :not here\nSELECT id::text, ':x' || '{\"a\":b' || 'it''s :y\n"
        ":z', \":w\" FROM songs WHERE id = :id::bigint  -- :nor here\n",
        R"(inline constexpr std::string_view find_parameters[] = {"id"};
inline constexpr Query find{
    "find",
    R"sql(SELECT id::text, ':x' || '{"a":b' || 'it''s :y
:z', ":w" FROM songs WHERE id = $1::bigint  -- :nor here)sql",
    R"sql(SELECT id::text, ':x' || '{"a":b' || 'it''s :y
:z', ":w" FROM songs WHERE id = $1::bigint  -- :nor here)sql",
    true,
    {find_parameters},
    false};

)");
}

Test(embed, inserts_fragments) {
    expect_made(
        "-- fragment: columns\nid,\n    title\n\n-- fragment: own\nuser_id = :user_id\n\n"
        "-- fragment: page\n{own} AND id > :id\n\n"
        "-- name: list\nSELECT {columns} FROM songs WHERE {page}\n",
        R"(inline constexpr std::string_view list_parameters[] = {"user_id", "id"};
inline constexpr Query list{
    "list",
    R"sql(SELECT id,
    title FROM songs WHERE user_id = $1 AND id > $2)sql",
    R"sql(SELECT id,
    title FROM songs WHERE user_id = $1 AND id > $2)sql",
    true,
    {list_parameters},
    false};

)");
}

// A query with such a fragment has two texts, whose parameters have the same numbers.
Test(embed, inserts_the_variant_of_a_fragment) {
    expect_made(
        "-- fragment: mine\nby = ANY (:names)\n-- fragment: mine sqlite\nby IN (:names)\n"
        "-- fragment: page\n{mine} AND id > :id\n"
        "-- name: list\nSELECT id FROM songs WHERE {page}\n"
        "-- name: drop\nDELETE FROM songs WHERE {mine}\n"
        "-- name: drop sqlite\nDELETE FROM songs NOT INDEXED WHERE {mine}\n",
        R"(inline constexpr std::string_view list_parameters[] = {"names", "id"};
inline constexpr Query list{
    "list",
    R"sql(SELECT id FROM songs WHERE by = ANY ($1) AND id > $2)sql",
    R"sql(SELECT id FROM songs WHERE by IN ($1) AND id > $2)sql",
    true,
    {list_parameters},
    false};

inline constexpr std::string_view drop_parameters[] = {"names"};
inline constexpr Query drop{
    "drop",
    R"sql(DELETE FROM songs WHERE by = ANY ($1))sql",
    R"sql(DELETE FROM songs NOT INDEXED WHERE by IN ($1))sql",
    false,
    {drop_parameters},
    false};

)");
}

Test(embed, tells_a_read_that_begins_with_WITH_from_a_write) {
    expect_made(
        "-- name: find\nWITH old AS (SELECT 1) SELECT * FROM old\n"
        "-- name: drop\nWITH old AS (DELETE FROM songs RETURNING id) SELECT id FROM old\n",
        R"(inline constexpr Query find{
    "find",
    R"sql(WITH old AS (SELECT 1) SELECT * FROM old)sql",
    R"sql(WITH old AS (SELECT 1) SELECT * FROM old)sql",
    true,
    {},
    false};

inline constexpr Query drop{
    "drop",
    R"sql(WITH old AS (DELETE FROM songs RETURNING id) SELECT id FROM old)sql",
    R"sql(WITH old AS (DELETE FROM songs RETURNING id) SELECT id FROM old)sql",
    false,
    {},
    false};

)");
}

Test(embed, keeps_the_mark_of_a_query_that_appends) {
    expect_made(
        "-- name: add appends\nINSERT INTO songs DEFAULT VALUES\n"
        "-- name: add sqlite\nINSERT INTO songs (id) VALUES (NULL)\n",
        R"(inline constexpr Query add{
    "add",
    R"sql(INSERT INTO songs DEFAULT VALUES)sql",
    R"sql(INSERT INTO songs (id) VALUES (NULL))sql",
    false,
    {},
    true};

)");
}

Test(embed, stops_with_the_line_of_a_mistake) {
    static constexpr struct {
        const char* sql;
        const char* message;
    } mistakes[] = {
        {"-- name: a\nSELECT\n{columns}\n", "songs.sql:3: no fragment columns above\n"},
        {"-- name: a\nSELECT {columns}\n-- fragment: columns\nid\n",
         "songs.sql:2: no fragment columns above\n"},
        {"-- name: a\nSELECT 1\n-- fragment: columns\nid\n",
         "songs.sql:3: fragment columns is not used\n"},
        {"-- fragment: columns\nid\n-- fragment: columns\nid\n",
         "songs.sql:3: a second fragment columns\n"},
        {"-- name: a\nSELECT :id\n-- name: a sqlite\nSELECT\n:title\n",
         "songs.sql:5: a has no parameter :title\n"},
        {"-- name: a\nSELECT $1\n", "songs.sql:2: name the parameter instead of $1\n"},
        {"-- fragment: a\n1\n-- name: b\nSELECT {a}\n-- fragment: a sqlite\n2\n",
         "songs.sql:5: the variant of a must be directly below it\n"},
        {"-- name: a\nSELECT 1\n-- name: b sqlite\nSELECT 1\n",
         "songs.sql:3: the variant of b must be directly below it\n"},
        {"-- name: a append\nSELECT 1\n", "songs.sql:1: no mark append\n"},
    };
    for (const auto& [sql, message] : mistakes) {
        const auto made = embed(sql);
        cr_expect_neq(made.status, 0, "%s", sql);
        EXPECT_TEXT(made.output, message);
    }
}
