#include "shared/db/rows.hpp"

#include <functional>
#include <stdexcept>

#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

namespace {

constexpr Query pairs{
    "pairs", "SELECT * FROM (VALUES (1::bigint, 'one'), (2, 'two')) AS pairs (number, name)",
    "SELECT 1 AS number, 'one' AS name UNION ALL SELECT 2, 'two'", true};
constexpr Query no_pairs{"no_pairs", "SELECT 1::bigint AS number, 'one'::text AS name WHERE false",
                         "SELECT 1 AS number, 'one' AS name WHERE false", true};

struct Pair {
    std::int64_t number = 0;
    std::string name;
    static consteval auto fields() {
        return std::tuple{json::field("number", &Pair::number), json::field("name", &Pair::name)};
    }
};

struct Number {
    std::int64_t number = 0;
    static consteval auto fields() { return std::tuple{json::field("number", &Number::number)}; }
};

struct Renamed {
    std::int64_t number = 0;
    std::string title;
    static consteval auto fields() {
        return std::tuple{json::field("number", &Renamed::number),
                          json::field("title", &Renamed::title)};
    }
};

struct Longer {
    std::int64_t number = 0;
    std::string name;
    bool is_last = false;
    static consteval auto fields() {
        return std::tuple{json::field("number", &Longer::number),
                          json::field("name", &Longer::name),
                          json::field("is_last", &Longer::is_last)};
    }
};

struct Retyped {
    std::int64_t number = 0;
    std::int64_t name = 0;
    static consteval auto fields() {
        return std::tuple{json::field("number", &Retyped::number),
                          json::field("name", &Retyped::name)};
    }
};

// Returns the message of the std::logic_error that `call` throws, or nothing.
std::string mistake(const std::function<void()>& call) {
    try {
        call();
    } catch (const std::logic_error& error) {
        return error.what();
    }
    return "";
}

template <class T>
std::string mistake_of_type(OpenDatabase& open) {
    db::Batch batch;
    const auto slot = batch.add<T>(pairs);
    const auto results = open.wait(open.db().run(std::move(batch)));
    return mistake([&] { results.one(slot); });
}

}  // namespace

ON_BOTH(rows, are_found_by_their_slots, OpenDatabase, open) {
    db::Batch batch;
    const auto none = batch.add<Pair>(no_pairs);
    const auto counted = batch.add(pairs);
    const auto both = batch.add<Pair>(pairs);
    const auto results = open.wait(open.db().run(std::move(batch)));
    cr_expect_not(results.first(none).has_value());
    cr_expect(results.all(none).empty());
    cr_expect_eq(results.rows(counted).size(), 2u);
    EXPECT_TEXT(results.one(both).name, "one");
    EXPECT_TEXT(results.first(both).value_or(Pair{}).name, "one");
    EXPECT_TEXT(results.all(both).at(1).name, "two");
    EXPECT_TEXT(results.rows(both)[1].name, "two");
}

ON_BOTH(rows, are_written_as_their_type_is, OpenDatabase, open) {
    db::Batch batch;
    const auto slot = batch.add<Pair>(pairs);
    const auto results = open.wait(open.db().run(std::move(batch)));
    EXPECT_TEXT(results.rows(slot).json(2), json::write(results.all(slot)));
    EXPECT_TEXT(results.rows(slot).json(1), R"([{"name":"one","number":1}])");
    EXPECT_TEXT(results.rows(slot).json(0), "[]");
}

ON_BOTH(rows, of_another_type_are_refused_by_their_column, OpenDatabase, open) {
    EXPECT_TEXT(mistake_of_type<Pair>(open), "");
    EXPECT_TEXT(mistake_of_type<Renamed>(open),
                "pairs returned column name where its type has field title");
    EXPECT_TEXT(mistake_of_type<Number>(open),
                "pairs returned column name where its type has no further field");
    EXPECT_TEXT(mistake_of_type<Longer>(open),
                "pairs returned no further column where its type has field is_last");
    EXPECT_TEXT(mistake_of_type<Retyped>(open).substr(0, 22), "column name is null or");
}

ON_BOTH(rows, are_refused_by_their_columns_also_where_there_are_none, OpenDatabase, open) {
    db::Batch batch;
    const auto slot = batch.add<Renamed>(no_pairs);
    const auto results = open.wait(open.db().run(std::move(batch)));
    EXPECT_TEXT(mistake([&] { results.first(slot); }),
                "no_pairs returned column name where its type has field title");
}

ON_BOTH(rows, that_must_be_there_are_missed, OpenDatabase, open) {
    db::Batch batch;
    const auto slot = batch.add<Pair>(no_pairs);
    const auto results = open.wait(open.db().run(std::move(batch)));
    EXPECT_TEXT(mistake([&] { results.one(slot); }), "no_pairs returned no row");
    EXPECT_TEXT(mistake([&] { open.wait(open.db().one<Pair>(no_pairs)); }),
                "no_pairs returned no row");
}

// The other batch has the same query at the same place.
ON_BOTH(rows, are_refused_to_the_slots_of_other_batches, OpenDatabase, open) {
    db::Batch batch, other;
    const auto slot = batch.add<Pair>(pairs);
    const auto foreign = other.add<Pair>(pairs);
    const auto results = open.wait(open.db().run(std::move(batch)));
    EXPECT_TEXT(results.one(slot).name, "one");
    EXPECT_TEXT(mistake([&] { results.one(foreign); }),
                "the slot of pairs belongs to another batch");
    EXPECT_TEXT(mistake([&] { db::Results{}.one(slot); }),
                "the slot of pairs belongs to another batch");
}
