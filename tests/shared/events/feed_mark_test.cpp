#include "shared/events/feed_mark.hpp"

#include <filesystem>

#include "sql/events.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

namespace {

constexpr const char* event =
    "INSERT INTO events (type, audience, subject, data) VALUES ('t', 'public', '/x', '1')";
constexpr const char* put_back =
    "DELETE FROM events; DELETE FROM events_pruned; UPDATE sqlite_sequence SET seq = 1 "
    "WHERE name = 'events'";

// A database and a RUN_DIR.
class Stage {
public:
    explicit Stage(Engine engine) : own_{engine}, open_{own_.url()}, mark_{config()} {}
    ~Stage() { std::filesystem::remove(config().run_dir + "/" + feed_mark_file); }
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    const TestDatabase& database() const { return own_; }
    Config config() const { return test_config(own_.url()); }
    EventBounds read() { return open_.wait(open_.db().one<EventBounds>(sql::event_bounds)); }
    EventBounds check(EventBounds bounds) {
        return open_.wait(mark_.check(open_.db(), std::move(bounds)));
    }
    // The epoch that a reader gets.
    std::string epoch() { return check(read()).epoch(); }

private:
    TestDatabase own_;
    OpenDatabase open_;
    FeedMark mark_;
};

}  // namespace

Test(feed_mark, notices_an_older_file) {
    Stage stage{Engine::sqlite};
    const auto first = stage.epoch();
    for (int i = 0; i < 3; ++i) {
        stage.database().execute(event);
        EXPECT_TEXT(stage.epoch(), first);
    }
    stage.database().execute(put_back);
    const auto second = stage.epoch();
    cr_expect(second != first);
    stage.database().execute(event);
    EXPECT_TEXT(stage.epoch(), second);
    // The same backup once more, with the rows of the first history, and longer than the mark.
    stage.database().execute("DELETE FROM feed_epoch WHERE first_history IS NULL");
    for (int i = 0; i < 9; ++i) stage.database().execute(event);
    const auto third = stage.epoch();
    cr_expect(third != first && third != second);
    EXPECT_TEXT(stage.epoch(), third);
}

// Another process has read the bounds later, but written its mark earlier.
Test(feed_mark, takes_older_bounds_for_what_they_are) {
    Stage stage{Engine::sqlite};
    auto older = stage.read();
    stage.database().execute(event);
    const auto first = stage.epoch();
    const auto bounds = stage.check(std::move(older));
    EXPECT_TEXT(bounds.epoch(), first);
    cr_expect_eq(bounds.end_id, 1);
}

Test(feed_mark, is_kept_for_sqlite_alone) {
    Stage stage{Engine::postgres};
    auto bounds = stage.read();
    EXPECT_TEXT(stage.check(bounds).epoch(), bounds.epoch());
    cr_expect(!std::filesystem::exists(stage.config().run_dir + "/" + feed_mark_file));
}
