// Filtered pages of the feed, on a database that changes between their round trips.
#include "shared/events/page.hpp"

#include <functional>

#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

namespace {

// Counts round trips, and changes the database before the second one.
class Changing final : public Database {
public:
    explicit Changing(Database& database) : database_(database) {}

    Async<db::Results> run(db::Batch batch) override {
        if (++round_trips == 2 && change) change();
        return database_.run(std::move(batch));
    }
    void close() override { database_.close(); }
    Database& lasting() override { return database_; }

    int round_trips = 0;
    std::function<void()> change;

private:
    Database& database_;
};

// A database of its own with the events `one` to `three` of everybody.
class Fixture {
public:
    explicit Fixture(Engine engine) : database(engine), open_(database.url()) {
        for (const char* type : {"one", "two", "three"}) write(type);
    }

    void write(const std::string& type) const {
        database.execute("INSERT INTO events (type, audience, subject, data) VALUES ('" + type +
                         "', 'public', '/x', '1')");
        database.wait_for_feed();
    }

    // Reads a page of these types from a position and runs the SQL before its second round trip.
    FeedPage read(const std::string& types, const std::string& after = "0",
                  const std::string& change = "", const FeedMark& mark = {},
                  std::int64_t limit = 100) {
        Changing changing{open_.db()};
        changing.change = [&] {
            if (!change.empty()) database.execute(change);
        };
        const EventFilter filter{types, std::nullopt};
        const Audiences audiences{Identity{}, true};
        const auto cursor = EventCursor::parse(after);
        cr_assert(cursor.has_value());
        auto page =
            open_.wait(read_filtered_page(changing, mark, audiences, filter, *cursor, limit));
        round_trips = changing.round_trips;
        return page;
    }

    TestDatabase database;
    int round_trips = 0;  // of the last page

private:
    OpenDatabase open_;
};

std::string types_of(const FeedPage& page) {
    std::string types;
    for (const auto& event : page.events) types += (types.empty() ? "" : " ") + event.type;
    return types;
}

}  // namespace

ON_BOTH(filtered_pages, take_a_second_round_trip_for_the_accepted_events, Fixture, feed) {
    EXPECT_TEXT(types_of(feed.read("one,three")), "one three");
    cr_expect_eq(feed.round_trips, 2);
    EXPECT_TEXT(types_of(feed.read("none")), "");
    cr_expect_eq(feed.round_trips, 1);
}

ON_BOTH(filtered_pages, refuse_a_cursor_whose_next_events_are_removed_meanwhile, Fixture, feed) {
    const auto start = feed.read("*").next.text();
    feed.write("four");
    const auto page = feed.read("four", start, "DELETE FROM events WHERE type = 'four'");
    EXPECT_TEXT(types_of(page), "");
    cr_expect_eq(feed.round_trips, 2);
    cr_expect_not(page.bounds.resume(start).has_value());
}

// A reader without a cursor gets what is kept, and continues behind it or is refused.
ON_BOTH(filtered_pages, leave_out_what_is_removed_meanwhile, Fixture, feed) {
    const auto some = feed.read("one,two,three", "0", "DELETE FROM events WHERE type = 'one'");
    EXPECT_TEXT(types_of(some), "two three");
    EXPECT_TEXT(types_of(feed.read("*", some.next.text())), "");
    const auto none =
        feed.read("two,three", "0", "DELETE FROM events WHERE type <> 'three'", {}, 1);
    EXPECT_TEXT(types_of(none), "");
    cr_expect(none.bounds.resume("0").has_value());
    EXPECT_TEXT(types_of(feed.read("three", none.next.text())), "three");
}

ON_BOTH(filtered_pages, start_again_in_a_history_that_begins_meanwhile, Fixture, feed) {
    const auto page = feed.read("one,two", "0", "INSERT INTO feed_epoch DEFAULT VALUES");
    EXPECT_TEXT(types_of(page), "");
    cr_expect_not(page.is_whole);
    cr_assert(page.bounds.resume(page.next.text()).has_value());
    EXPECT_TEXT(types_of(feed.read("one,two", page.next.text())), "one two");
}

// An id may be that of another event if the file was replaced.
ON_BOTH(filtered_pages, hold_only_events_of_their_audiences, Fixture, feed) {
    const auto page =
        feed.read("one,two", "0", "UPDATE events SET audience = 'user:ann' WHERE type = 'two'");
    EXPECT_TEXT(types_of(page), "one");
}

// The mark knows how far the first round trip saw.
Test(filtered_pages, notice_that_an_older_file_takes_the_place_meanwhile) {
    Fixture feed{Engine::sqlite};
    const FeedMark mark{test_config(feed.database.url())};
    const auto page = feed.read("one", "0",
                                "DELETE FROM events WHERE type = 'three'; DELETE FROM "
                                "events_pruned; UPDATE sqlite_sequence SET seq = 2 "
                                "WHERE name = 'events'",
                                mark);
    EXPECT_TEXT(types_of(page), "");
    EXPECT_TEXT(types_of(feed.read("one", page.next.text(), "", mark)), "one");
}
