// Positions in the feed of events, which is in the order of commits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/json/fields.hpp"
#include "shared/models/event.hpp"

// The number of characters of an epoch.
inline constexpr std::size_t epoch_size = 8;

// The position after an event: its transaction (0 on SQLite, which has one writer at a time) and
// its id, in one history of the feed. Positions of different histories cannot be compared.
struct EventCursor {
    std::int64_t transaction = 0;
    std::int64_t id = 0;
    std::string epoch = {};  // of its history; empty in a cursor of an earlier release

    // Parses "748-12-1f3c9a0e", or "748-12" of an earlier release; "0" is the beginning of the
    // feed. Returns nullopt for anything else.
    static std::optional<EventCursor> parse(std::string_view text);
    std::string text() const;

    bool operator==(const EventCursor&) const = default;
    bool operator<(const EventCursor& other) const {
        return transaction == other.transaction ? id < other.id : transaction < other.transaction;
    }
};

// The position of an event from the database. Throws std::logic_error if its id is malformed.
EventCursor cursor_of(const Event& event);

// Completes the ids of events from the database, which stores them without an epoch.
void add_epoch(std::vector<Event>& events, const std::string& epoch);

// The readable part of the feed: everything after `begin` is kept, and no event will be added
// before `end`.
struct EventBounds {
    std::int64_t begin_transaction = 0;
    std::int64_t begin_id = 0;
    std::int64_t end_transaction = 0;
    std::int64_t end_id = 0;
    // The position after everything that was ever written.
    std::int64_t future_transaction = 0;
    std::int64_t future_id = 0;
    // What tells this history of the feed from others, and the history whose cursors have no epoch.
    std::string history = {};
    std::optional<std::string> first_history = {};

    // The epoch in this history's cursors: 8 hexadecimal digits.
    std::string epoch() const;
    EventCursor begin() const { return {begin_transaction, begin_id, epoch()}; }
    EventCursor end() const { return {end_transaction, end_id, epoch()}; }

    // Whether a reader that has read up to this position misses nothing: it is of this history,
    // and all later events are kept.
    bool reach(const EventCursor& cursor) const;

    // Returns the position from which a reader with this cursor continues, with its epoch; nullopt
    // if it is not a cursor of this feed, or if some of the events after it were removed.
    std::optional<EventCursor> resume(std::string_view cursor) const;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("begin_transaction", &EventBounds::begin_transaction),
            field("begin_id", &EventBounds::begin_id),
            field("end_transaction", &EventBounds::end_transaction),
            field("end_id", &EventBounds::end_id),
            field("future_transaction", &EventBounds::future_transaction),
            field("future_id", &EventBounds::future_id),
            field("history", &EventBounds::history),
            field("first_history", &EventBounds::first_history),
        };
    }
};
