// Parameters of queries are passed by name.
#include <functional>
#include <stdexcept>

#include "shared/db/batch.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

namespace {

constexpr std::string_view song_parameters[] = {"title", "seconds", "has_composer", "composer"};
constexpr Query add_song{
    "add_song",
    "SELECT $1::text AS title, $2::bigint AS seconds, $3::boolean AS has_composer, "
    "$4::text AS composer",
    "SELECT $1 AS title, $2 AS seconds, $3 AS has_composer, $4 AS composer", true, song_parameters};
constexpr std::string_view title_parameter[] = {"title"};
constexpr Query find_song{"find_song", "SELECT $1::text AS title", "SELECT $1 AS title", true,
                          title_parameter};

struct Song {
    std::string title = "Vltava";
    std::int64_t seconds = 720;
    std::optional<std::string> composer = "Smetana";
    static consteval auto fields() {
        using json::field;
        return std::tuple{field("title", &Song::title), field("seconds", &Song::seconds),
                          field("composer", &Song::composer)};
    }
};

struct SongChange {
    json::Maybe<std::int64_t> seconds;
    json::Maybe<std::optional<std::string>> composer;
    static consteval auto fields() {
        using json::field;
        return std::tuple{field("seconds", &SongChange::seconds),
                          field("composer", &SongChange::composer)};
    }
};

struct Stored {
    std::optional<std::string> title;
    std::optional<std::int64_t> seconds;
    bool has_composer = false;
    std::optional<std::string> composer;
    static consteval auto fields() {
        using json::field;
        return std::tuple{field("title", &Stored::title), field("seconds", &Stored::seconds),
                          field("has_composer", &Stored::has_composer),
                          field("composer", &Stored::composer)};
    }
};

std::string mistake(const std::function<void()>& call) {
    try {
        call();
    } catch (const std::logic_error& error) {
        return error.what();
    }
    return "";
}

template <class... Parts>
std::string stored(OpenDatabase& open, Parts&&... parts) {
    return json::write(open.wait(open.db().one<Stored>(add_song, std::forward<Parts>(parts)...)));
}

}  // namespace

ON_BOTH(statement, takes_values_by_name_in_any_order, OpenDatabase, open) {
    EXPECT_TEXT(
        stored(open, db::named("composer", "Smetana"), db::named("seconds", std::int64_t{1}),
               db::named("has_composer", true), db::named("title", "Vltava")),
        R"({"composer":"Smetana","has_composer":true,"seconds":1,"title":"Vltava"})");
    EXPECT_TEXT(stored(open, db::fields_of(Song{})),
                R"({"composer":"Smetana","has_composer":true,"seconds":720,"title":"Vltava"})");
    EXPECT_TEXT(stored(open, db::named("title", "Šárka"), db::fields_of(Song{}).without("title")),
                R"({"composer":"Smetana","has_composer":true,"seconds":720,"title":"Šárka"})");
}

ON_BOTH(statement, tells_an_absent_member_from_null, OpenDatabase, open) {
    const auto changed = [&](const SongChange& change) {
        return stored(open, db::named("title", "Vltava"), db::fields_of(change));
    };
    SongChange change;
    EXPECT_TEXT(changed(change),
                R"({"composer":null,"has_composer":false,"seconds":null,"title":"Vltava"})");
    change.composer = std::optional<std::string>{};
    EXPECT_TEXT(changed(change),
                R"({"composer":null,"has_composer":true,"seconds":null,"title":"Vltava"})");
    change.seconds = 1;
    change.composer = "Smetana";
    EXPECT_TEXT(changed(change),
                R"({"composer":"Smetana","has_composer":true,"seconds":1,"title":"Vltava"})");
}

ON_BOTH(statement, takes_one_value_without_a_name, OpenDatabase, open) {
    db::Batch batch;
    const auto slot = batch.add(find_song, "Vltava");
    const auto results = open.wait(open.db().run(std::move(batch)));
    EXPECT_TEXT(results.rows(slot).text(0, 0), "Vltava");
    EXPECT_TEXT(mistake([] { db::statement(add_song, "Vltava"); }),
                "add_song has 4 parameters: give them by name");
}

Test(statement, refuses_what_does_not_fit_the_query) {
    const Song song;
    const auto title = [] { return db::named("title", "Vltava"); };
    EXPECT_TEXT(mistake([&] { db::statement(add_song, db::fields_of(song)); }), "");
    EXPECT_TEXT(mistake([&] { db::statement(add_song, db::fields_of(song).without("seconds")); }),
                "add_song: parameter :seconds is missing");
    EXPECT_TEXT(mistake([&] { db::statement(add_song); }), "add_song: parameter :title is missing");
    EXPECT_TEXT(mistake([&] { db::statement(add_song, title(), db::fields_of(song)); }),
                "add_song: parameter :title is given twice");
    EXPECT_TEXT(mistake([&] { db::statement(find_song, title(), title()); }),
                "find_song: parameter :title is given twice");
    EXPECT_TEXT(mistake([&] { db::statement(find_song, db::named("name", "Vltava")); }),
                "find_song: parameter :name is unknown");
    // The query does not use all of the fields.
    EXPECT_TEXT(mistake([&] { db::statement(find_song, db::fields_of(song)); }).substr(0, 21),
                "find_song: parameter ");
    EXPECT_TEXT(mistake([&] { db::statement(add_song, db::fields_of(song).without("name")); }),
                "add_song: no field name to leave out");
}

// Without :has_composer, a change that omits the composer would set it to null.
Test(statement, needs_to_know_whether_what_may_be_null_is_there) {
    static constexpr std::string_view names[] = {"seconds", "composer"};
    static constexpr Query change_song{"change_song", "", "", false, names};
    EXPECT_TEXT(mistake([] { db::statement(change_song, db::fields_of(SongChange{})); }),
                "change_song: parameter :has_composer is unknown");
}

Test(statement, may_be_given_parameters_later) {
    auto begun = db::partial(find_song);
    begun.give(db::named("title", "Vltava"));
    cr_expect_eq(std::move(begun).finish().parameters.size(), 1u);
    EXPECT_TEXT(mistake([] { db::partial(find_song).finish(); }),
                "find_song: parameter :title is missing");
}
