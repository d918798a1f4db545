// The feed of events as one process passes it on to all who listen: one query at a time for all of
// them, and none while nobody listens.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "shared/db/database.hpp"
#include "shared/events/audience.hpp"
#include "shared/events/cursor.hpp"
#include "shared/http/stream.hpp"
#include "shared/models/event.hpp"

struct Context;

// How an event is written: as text/event-stream, say.
using EventFormat = std::string (*)(const Event& event);

// Canonical JSON but for line breaks in its data, which are white space there.
std::string in_one_line(const Event& event);

// When what a reader has proved would be refused.
Clock::time_point end_of(const Identity& reader);

// A stream that gets every event of its audiences behind its cursor: once, and in the order of
// commits.
class Listener {
public:
    Listener(Stream& stream, Audiences audiences, EventCursor cursor)
        : stream_(stream), audiences_(std::move(audiences)), cursor_(cursor) {}

private:
    friend class Feed;

    enum class State {
        behind,  // it reads by itself, page by page
        queued,  // it would, and waits for its turn
        called,  // it has its turn
        joined,  // it gets what all others get
        lost,    // some of what it has to get is gone
    };

    void push(std::shared_ptr<const std::string> text);
    // What is to be written next; empty when nothing waits.
    std::string take_waiting();

    Stream& stream_;
    Audiences audiences_;
    EventCursor cursor_;  // everything up to here was sent, or waits
    State state_ = State::behind;
    Clock::time_point due_;  // the next page, of one that is behind
    std::deque<std::shared_ptr<const std::string>> waiting_;  // texts of events
    std::size_t waiting_bytes_ = 0;
};

class Feed : public std::enable_shared_from_this<Feed> {
public:
    // The loop and the database outlive the feed.
    Feed(Loop& loop, Database& db, EventFormat format,
         Clock::duration keep_alive_interval = std::chrono::seconds{15})
        : loop_(loop), db_(db), format_(format), keep_alive_interval_(keep_alive_interval) {}

    // Writes to a stream until `until`, or until it is over: what is behind the cursor and then
    // what comes, and `keep_alive`, unless it is empty, whenever nothing was written for a while.
    // Who reads slowly holds nobody up: what is too much to wait for it is read anew, page by page.
    // Returns earlier when some of that is gone. Throws std::system_error when the peer has gone,
    // or does not read.
    Async<> serve(Stream& stream, Audiences audiences, EventCursor cursor, Clock::time_point until,
                  std::string keep_alive);

private:
    using State = Listener::State;

    // However many are behind, few of them ask the database at the same time, each in its turn.
    void queue(Listener& listener);
    void end_turn();
    Async<> catch_up(Listener& listener);

    void join(Listener& listener);
    void leave(Listener& listener);
    Async<> poll();
    void lose_all();
    std::size_t pass_on(const Event& event);  // the bytes of its text, 0 when nobody gets it
    std::shared_ptr<const std::string> written(const Event& event) const;

    Loop& loop_;
    Database& db_;
    EventFormat format_;
    Clock::duration keep_alive_interval_;
    std::unordered_set<Listener*> listeners_;  // who have joined
    EventCursor cursor_;                       // they have got everything up to here
    bool is_polling_ = false;
    std::deque<Listener*> queue_;
    int called_ = 0;
};

// Where a reader begins, and the process's one feed.
struct FeedStart {
    std::shared_ptr<Feed> feed;
    EventCursor cursor;
    // The reader's own cursor is unknown: what it has missed is not to be had.
    bool is_reset = false;
};

// Asks for the bounds of the feed in one round trip, and makes the feed when it is first needed: of
// one format in each process. Without `after`, the cursor that a reader sent, it begins now. Throws
// DbError.
Async<FeedStart> start_reading(Context& context, const std::optional<std::string>& after,
                               EventFormat format);
