// One process's feed with several kinds of readers, on SQLite, which answers at once.
#include "shared/events/feed.hpp"

#include <limits>

#include "sql/events.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

using namespace std::chrono_literals;

namespace {

std::string as_number(const Event& event) { return event.subject + " "; }
std::string as_position(const EventCursor& cursor) { return "@" + std::to_string(cursor.id) + " "; }

constexpr StreamFormat silent_numbers{as_number, as_position, {}};
constexpr StreamFormat numbers_and_points{as_number, as_position, "."};

// Stores what is written. While it is shut, a write waits.
class Reader final : public Stream {
public:
    explicit Reader(Loop& loop) : Stream{loop}, opened_{loop, Clock::time_point::max()} {}

    Async<> write(std::string_view bytes) override {
        const std::string text{bytes};
        while (is_shut) co_await expired(opened_);
        text_ += text;
    }
    void abort() override { end(); }

    void open() {
        is_shut = false;
        opened_.cancel();
    }
    const std::string& text() const { return text_; }
    bool ends_with(std::string_view part) const { return text_.ends_with(part); }

    bool is_shut = false;
    bool is_served = true;

private:
    std::string text_;
    Timer opened_;
};

std::string numbers(int first, int last) {
    std::string text;
    for (int i = first; i <= last; ++i) text += std::to_string(i) + " ";
    return text;
}

class Stage {
public:
    explicit Stage(Clock::duration keep_alive = 1h)
        : own_{Engine::sqlite},
          open_{own_.url()},
          feed_{std::make_shared<Feed>(open_.loop(), open_.db(), FeedMark{}, keep_alive)} {}
    ~Stage() {
        for (const auto& reader : readers_) reader->end();
        run([&] {
            return std::none_of(readers_.begin(), readers_.end(),
                                [](const auto& reader) { return reader->is_served; });
        });
    }
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    // Writes events with the subjects `first` to `last`.
    void write(int first, int last, std::size_t bytes = 1) const {
        own_.execute(
            "INSERT INTO events (type, audience, subject, data) WITH RECURSIVE n(i) AS (SELECT " +
            std::to_string(first) + " UNION ALL SELECT i + 1 FROM n WHERE i < " +
            std::to_string(last) + ") SELECT 't', 'public', i, '\"" + std::string(bytes, 'x') +
            "\"' FROM n");
    }
    // A restored backup, or a promotion.
    void begin_history() const { own_.execute("INSERT INTO feed_epoch DEFAULT VALUES"); }
    void prune() const { own_.execute("DELETE FROM events"); }

    // Writes an event of a user.
    void write_for(const std::string& user, const std::string& type,
                   const std::string& subject) const {
        own_.execute("INSERT INTO events (type, audience, subject, data) VALUES ('" + type +
                     "', 'user:" + user + "', '" + subject + "', '{}')");
    }

    Reader& serve(const EventCursor& cursor, const StreamFormat& format = silent_numbers,
                  const EventFilter& filter = {}) {
        return serve({Audiences{{}, true}, filter, cursor, format});
    }

    // Serves the whole feed to a user whose account was checked when the feed ended at `opened`.
    Reader& serve_user(const std::string& user, const EventCursor& opened = {},
                       const EventFilter& filter = {}) {
        return serve({Audiences{Identity{user, ""}, true}, filter, {}, silent_numbers, opened});
    }

    Reader& serve(const Subscription& subscription) {
        auto& reader = *readers_.emplace_back(std::make_unique<Reader>(open_.loop()));
        spawn(open_.loop(), feed_->serve(reader, subscription, Clock::time_point::max()),
              [&reader](const std::exception_ptr& failure) {
                  rethrow(failure);
                  reader.is_served = false;
              });
        return reader;
    }

    // The end of the feed, with its epoch.
    EventCursor end() { return open_.wait(open_.db().one<EventBounds>(sql::event_bounds)).end(); }

    // Runs the loop until the condition holds. Returns false after 20 s.
    template <class Condition>
    bool run(Condition condition) {
        const auto latest = Clock::now() + 20s;
        open_.loop().restart();
        while (!condition() && Clock::now() < latest) open_.loop().run_one_for(1s);
        return condition();
    }

private:
    TestDatabase own_;
    OpenDatabase open_;
    std::shared_ptr<Feed> feed_;
    std::vector<std::unique_ptr<Reader>> readers_;
};

}  // namespace

Test(feed, gives_each_event_once_and_in_order) {
    Stage stage;
    stage.write(1, 100);
    auto& all = stage.serve({});
    auto& half = stage.serve({0, 50});
    auto& live = stage.serve({0, 100});
    cr_expect(stage.run([&] { return all.ends_with("100 ") && half.ends_with("100 "); }));
    stage.write(101, 200);
    for (auto* const reader : {&all, &half, &live})
        cr_expect(stage.run([&] { return reader->ends_with("200 "); }));
    EXPECT_TEXT(all.text(), numbers(1, 200));
    EXPECT_TEXT(half.text(), numbers(51, 200));
    EXPECT_TEXT(live.text(), numbers(101, 200));
}

// Readers that take every event at once while there are any.
Test(feed, who_reads_a_long_backlog_holds_up_nobody) {
    Stage stage;
    stage.write(1, 20'000);
    std::vector<Reader*> behind;
    for (int i = 0; i < 8; ++i) behind.push_back(&stage.serve({}));
    auto& live = stage.serve({0, 20'000});
    stage.write(20'001, 20'001);
    cr_assert(stage.run([&] { return live.ends_with("20001 "); }));
    for (auto* const reader : behind) cr_expect(!reader->ends_with("20001 "));
    for (auto* const reader : behind) {
        cr_expect(stage.run([&] { return reader->ends_with("20001 "); }));
        cr_expect(reader->text() == numbers(1, 20'001));
    }
}

// Many more events are waiting for the reader than the feed keeps. It reads them from the database
// again.
Test(feed, who_stops_reading_loses_nothing_and_holds_up_nobody) {
    Stage stage;
    stage.write(1, 1);
    auto& slow = stage.serve({});
    auto& quick = stage.serve({});
    cr_assert(stage.run([&] { return slow.ends_with("1 ") && quick.ends_with("1 "); }));
    slow.is_shut = true;
    for (int i = 0; i < 4; ++i) {
        stage.write(2 + i * 500, 501 + i * 500);
        cr_assert(stage.run([&] { return quick.ends_with(std::to_string(501 + i * 500) + " "); }));
    }
    EXPECT_TEXT(slow.text(), "1 ");
    slow.open();
    cr_expect(stage.run([&] { return slow.ends_with("2001 "); }));
    EXPECT_TEXT(slow.text(), numbers(1, 2001));
    EXPECT_TEXT(quick.text(), numbers(1, 2001));
}

Test(feed, ends_for_whom_something_is_gone) {
    Stage stage;
    stage.write(1, 100);
    auto& behind = stage.serve({});
    behind.is_shut = true;
    cr_assert(stage.run([&] { return behind.is_served; }));
    auto& live = stage.serve({0, 100});
    stage.write(101, 101);
    cr_assert(stage.run([&] { return live.ends_with("101 "); }));
    stage.prune();
    behind.open();
    cr_expect(stage.run([&] { return !behind.is_served; }));
    cr_expect(!behind.is_over());
    cr_expect(behind.text().size() < numbers(1, 100).size(), "%s", behind.text().c_str());
    cr_expect(live.is_served);
    stage.write(102, 102);
    cr_expect(stage.run([&] { return live.ends_with("102 "); }));
    EXPECT_TEXT(live.text(), "101 102 ");
}

// Events that were written and pruned between two reads could have been for any reader.
Test(feed, ends_for_all_when_events_are_gone_before_they_were_passed_on) {
    Stage stage;
    auto& live = stage.serve({});
    stage.write(1, 1);
    cr_assert(stage.run([&] { return live.ends_with("1 "); }));
    stage.write(2, 2);
    stage.prune();
    cr_expect(stage.run([&] { return !live.is_served; }));
    EXPECT_TEXT(live.text(), "1 ");
}

Test(feed, ends_for_all_when_the_history_is_another_one) {
    Stage stage;
    stage.write(1, 100);
    auto& live = stage.serve({});
    auto& behind = stage.serve({});
    cr_assert(stage.run([&] { return live.ends_with("100 ") && behind.ends_with("100 "); }));
    behind.is_shut = true;
    stage.write(101, 2200);
    cr_assert(stage.run([&] { return live.ends_with("2200 "); }));
    stage.begin_history();
    cr_assert(stage.run([&] { return !live.is_served; }));
    cr_expect(!live.is_over());
    behind.open();
    cr_expect(stage.run([&] { return !behind.is_served; }));
    cr_expect(!behind.ends_with("2200 "));
    // Who begins afterwards stays.
    auto& again = stage.serve(stage.end());
    stage.write(2201, 2201);
    cr_expect(stage.run([&] { return again.ends_with("2201 "); }));
    EXPECT_TEXT(again.text(), "2201 ");
}

// A reader behind and one that has joined: of each, one that gets nothing and one that gets a
// single event.
Test(feed, tells_the_position_of_who_filters) {
    Stage stage;
    stage.write(1, 2100);
    auto& none = stage.serve({}, silent_numbers, EventFilter{"x", std::nullopt});
    auto& some = stage.serve({}, silent_numbers, EventFilter{std::nullopt, "1500"});
    auto& all = stage.serve({});
    cr_assert(stage.run([&] { return all.ends_with("2100 "); }));
    cr_expect(stage.run([&] { return none.ends_with("@2000 "); }));
    cr_expect(stage.run([&] { return some.ends_with("1500 "); }));
    EXPECT_TEXT(none.text(), "@1000 @2000 ");
    EXPECT_TEXT(some.text(), "@1000 1500 ");
    stage.write(2101, 4300);
    cr_assert(stage.run([&] { return all.ends_with("4300 "); }));
    cr_expect(stage.run([&] { return none.ends_with("@4000 "); }));
    cr_expect(stage.run([&] { return some.ends_with("@3500 "); }));
    EXPECT_TEXT(none.text(), "@1000 @2000 @3000 @4000 ");
    EXPECT_TEXT(some.text(), "@1000 1500 @2500 @3500 ");
}

// The clock of the system stands at any part of a second.
Test(feed, ends_a_stream_when_its_proof_is_refused) {
    using std::chrono::system_clock;
    constexpr auto second = std::chrono::sys_seconds{1'800'000'000s};
    for (const auto part : {0ms, 1ms, 500ms, 999ms}) {
        Identity reader{"ann", ""};
        reader.expires_at = 1'800'000'002;
        const auto before = Clock::now();
        const auto end = end_of(reader, system_clock::time_point{second + part});
        const auto after = Clock::now();
        cr_expect(before + 2s - part <= end && end <= after + 2s - part, "%d ms",
                  static_cast<int>(part.count()));
    }
    cr_expect(end_of({"ann", ""}) == Clock::time_point::max());
    Identity far{"ann", ""};
    far.expires_at = std::numeric_limits<std::int64_t>::max();
    cr_expect(end_of(far) > Clock::now() + 24h * 364);
}

Test(feed, says_that_it_is_alive) {
    Stage stage{50ms};
    auto& silent = stage.serve({}, numbers_and_points);
    auto& without = stage.serve({});
    const auto before = Clock::now();
    cr_expect(stage.run([&] { return silent.text() == "..."; }));
    cr_expect_geq((Clock::now() - before) / 1ms, 150);
    EXPECT_TEXT(without.text(), "");
}

// The event is the last one that the user's readers get, whether they wait for it or are behind.
Test(feed, ends_for_a_user_who_is_refused) {
    for (const char* type : {"account.disabled", "account.deleted"}) {
        Stage stage;
        auto& ann = stage.serve_user("ann");
        auto& bob = stage.serve_user("bob");
        stage.write(1, 1);
        cr_assert(stage.run([&] { return ann.ends_with("1 ") && bob.ends_with("1 "); }));
        stage.write_for("ann", type, "2");
        stage.write(3, 3);
        cr_assert(stage.run([&] { return !ann.is_served && bob.ends_with("3 "); }));
        EXPECT_TEXT(ann.text(), "1 2 ");
        cr_expect(ann.is_over());
        EXPECT_TEXT(bob.text(), "1 3 ");
        auto& filtered = stage.serve_user("ann", {0, 1}, EventFilter{"note.*", {}});
        cr_assert(stage.run([&] { return !filtered.is_served; }));
        EXPECT_TEXT(filtered.text(), "2 ");
        auto& behind = stage.serve_user("ann", {0, 1});
        cr_assert(stage.run([&] { return !behind.is_served; }));
        EXPECT_TEXT(behind.text(), "1 2 ");
        // To a stream that was opened later the event is history.
        auto& later = stage.serve_user("ann", {0, 3});
        stage.write(4, 4);
        cr_assert(stage.run([&] { return later.ends_with("4 "); }));
        EXPECT_TEXT(later.text(), "1 2 3 4 ");
        // Another kind of event ends nothing.
        stage.write_for("ann", "account.enabled", "5");
        stage.write_for("bob", type, "6");
        stage.write(7, 7);
        cr_assert(stage.run([&] { return later.ends_with("7 ") && !bob.is_served; }));
        EXPECT_TEXT(later.text(), "1 2 3 4 5 7 ");
    }
}
