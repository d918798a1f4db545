// One process's copy of the feed, which it passes on to all listeners: it makes one query at a time
// for all of them, and none without listeners.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "shared/db/database.hpp"
#include "shared/events/audience.hpp"
#include "shared/events/cursor.hpp"
#include "shared/events/feed_mark.hpp"
#include "shared/events/filter.hpp"
#include "shared/http/stream.hpp"
#include "shared/models/event.hpp"

struct Context;

// How a stream writes the feed: as text/event-stream, for example.
struct StreamFormat {
    std::string (*event)(const Event& event);
    // The position of a reader whose filter has left out all events since the last text.
    std::string (*position)(const EventCursor& cursor);
    std::string_view keep_alive;  // written after a while without anything else; may be empty
};

// What a stream reads of the feed, and how it writes it.
struct Subscription {
    Audiences audiences;
    EventFilter filter;
    EventCursor cursor;          // it begins after this position
    const StreamFormat& format;  // must outlive the process's feed
    // Events up to here are older than the check of the reader's user.
    EventCursor opened = {};
};

// The event as canonical JSON, except that line breaks in its data, where they are white space,
// become spaces.
std::string in_one_line(const Event& event);

// The time from which the reader's proof is refused.
Clock::time_point end_of(const Identity& reader, std::chrono::system_clock::time_point now =
                                                     std::chrono::system_clock::now());

// An event that is written for several streams, once in each format.
class WrittenEvent {
public:
    using Text = std::shared_ptr<const std::string>;

    explicit WrittenEvent(const Event& event) : event_(event) {}

    const Event& event() const { return event_; }
    Text in(const StreamFormat& format);
    std::size_t bytes() const;  // of all formats so far

private:
    const Event& event_;
    std::vector<std::pair<const StreamFormat*, Text>> texts_;
};

// A stream that receives every event of its audiences that its filter accepts, after its cursor,
// once and in the order of commits.
class Listener {
public:
    Listener(Stream& stream, Subscription subscription)
        : stream_(stream),
          audiences_(std::move(subscription.audiences)),
          filter_(std::move(subscription.filter)),
          format_(subscription.format),
          cursor_(std::move(subscription.cursor)),
          opened_(std::move(subscription.opened)) {}

private:
    friend class Feed;

    enum class State {
        behind,   // reads pages of its own
        queued,   // waits for its turn to read a page
        called,   // may read its page
        joined,   // gets the events that the process reads for all
        lost,     // some events after its cursor were removed, or the history is another one
        refused,  // its user was disabled or deleted
    };

    // Returns what to write for an event of its audiences; null for nothing. Counts the events that
    // the filter leaves out.
    WrittenEvent::Text text_for(WrittenEvent& event);
    void push(std::shared_ptr<const std::string> text);
    // Whether this event says that the reader's user is refused from now on.
    bool is_refused_by(const Event& event) const;
    // Removes and returns the text to write next; empty if there is none.
    std::string take_waiting();

    Stream& stream_;
    Audiences audiences_;
    EventFilter filter_;
    const StreamFormat& format_;
    int left_out_ = 0;    // events since the last text
    EventCursor cursor_;  // everything up to here was sent or is queued
    EventCursor opened_;  // events up to here are older than the check of the reader's user
    State state_ = State::behind;
    Clock::time_point due_;  // when to read the next page, if it is behind
    std::deque<std::shared_ptr<const std::string>> waiting_;  // texts of events
    std::size_t waiting_bytes_ = 0;
};

class Feed : public std::enable_shared_from_this<Feed> {
public:
    // The loop and the database must outlive the feed.
    Feed(Loop& loop, Database& db, FeedMark mark = {},
         Clock::duration keep_alive_interval = std::chrono::seconds{15})
        : loop_(loop), db_(db), mark_(std::move(mark)), keep_alive_interval_(keep_alive_interval) {}

    // Writes to a stream until `until` or the end of the stream: the events after the cursor, then
    // new ones, at least each 1,000th position if the filter leaves events out, and the keep-alive.
    // A slow reader blocks nobody: it falls back to reading pages. Returns early if some of its
    // events were removed, or if the database now has another history: the client reconnects and is
    // told. Ends the stream after an event behind `opened` that says that the reader's user was
    // disabled or deleted. Throws std::system_error if the peer has closed the connection or does
    // not read.
    Async<> serve(Stream& stream, Subscription subscription, Clock::time_point until);

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
    std::size_t pass_on(const Event& event);  // the size of its texts; 0 without a recipient

    Loop& loop_;
    Database& db_;
    FeedMark mark_;
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
    EventCursor opened;  // the end of the feed, read before the check of the reader's user
    // Whether the reader's cursor is unknown or of another history, so that what it has missed
    // cannot be read.
    bool is_reset = false;
};

// Queries the bounds of the feed in one round trip, and creates the feed at the first call. Without
// `after`, the cursor from the reader, the reader begins now. Throws DbError.
Async<FeedStart> start_reading(Context& context, const std::optional<std::string>& after);
