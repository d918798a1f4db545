// One process's copy of the feed, which it passes on to all listeners: it makes one query at a time
// for all of them, and none without listeners.
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

// The format of an event: text/event-stream, for example.
using EventFormat = std::string (*)(const Event& event);

// The event as canonical JSON, except that line breaks in its data, where they are white space,
// become spaces.
std::string in_one_line(const Event& event);

// The time at which the reader's proof expires.
Clock::time_point end_of(const Identity& reader);

// A stream that receives every event of its audiences after its cursor, once and in the order of
// commits.
class Listener {
public:
    Listener(Stream& stream, Audiences audiences, EventCursor cursor)
        : stream_(stream), audiences_(std::move(audiences)), cursor_(cursor) {}

private:
    friend class Feed;

    enum class State {
        behind,  // reads pages of its own
        queued,  // waits for its turn to read a page
        called,  // may read its page
        joined,  // gets the events that the process reads for all
        lost,    // some events after its cursor were removed
    };

    void push(std::shared_ptr<const std::string> text);
    // Removes and returns the text to write next; empty if there is none.
    std::string take_waiting();

    Stream& stream_;
    Audiences audiences_;
    EventCursor cursor_;  // everything up to here was sent or is queued
    State state_ = State::behind;
    Clock::time_point due_;  // when to read the next page, if it is behind
    std::deque<std::shared_ptr<const std::string>> waiting_;  // texts of events
    std::size_t waiting_bytes_ = 0;
};

class Feed : public std::enable_shared_from_this<Feed> {
public:
    // The loop and the database must outlive the feed.
    Feed(Loop& loop, Database& db, EventFormat format,
         Clock::duration keep_alive_interval = std::chrono::seconds{15})
        : loop_(loop), db_(db), format_(format), keep_alive_interval_(keep_alive_interval) {}

    // Writes to a stream until `until` or the end of the stream: the events after the cursor, then
    // new ones, and `keep_alive`, unless it is empty, after a while without a write. A slow reader
    // blocks nobody: it falls back to reading pages. Returns early if some of its events were
    // removed. Throws std::system_error if the peer has closed the connection or does not read.
    Async<> serve(Stream& stream, Audiences audiences, EventCursor cursor, Clock::time_point until,
                  std::string keep_alive);

private:
    using State = Listener::State;

    // Limits how many listeners that are behind query the database at the same time.
    void queue(Listener& listener);
    void end_turn();
    Async<> catch_up(Listener& listener);

    void join(Listener& listener);
    void leave(Listener& listener);
    Async<> poll();
    void lose_all();
    std::size_t pass_on(const Event& event);  // the size of its text; 0 without a recipient
    std::shared_ptr<const std::string> written(const Event& event) const;

    Loop& loop_;
    Database& db_;
    EventFormat format_;
    Clock::duration keep_alive_interval_;
    std::unordered_set<Listener*> listeners_;  // in state `joined`
    EventCursor cursor_;                       // they have everything up to here
    bool is_polling_ = false;
    std::deque<Listener*> queue_;
    int called_ = 0;
};

// The position at which a reader begins, and the process's feed.
struct FeedStart {
    std::shared_ptr<Feed> feed;
    EventCursor cursor;
    // Whether the reader's cursor is unknown, so that what it has missed cannot be read.
    bool is_reset = false;
};

// Queries the bounds of the feed in one round trip, and creates the feed at the first call; each
// process uses one format. Without `after`, the cursor from the reader, the reader begins now.
// Throws DbError.
Async<FeedStart> start_reading(Context& context, const std::optional<std::string>& after,
                               EventFormat format);
