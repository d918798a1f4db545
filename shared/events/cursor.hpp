// Places in the feed of events, which is ordered by commits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/json/fields.hpp"
#include "shared/models/event.hpp"

// Everything up to an event: its transaction (0 on SQLite, where there is one writer at a time),
// and its id.
struct EventCursor {
    std::int64_t transaction = 0;
    std::int64_t id = 0;

    // "748-12"; "0" is the begin of the feed. Nullopt for anything else.
    static std::optional<EventCursor> parse(std::string_view text);
    std::string text() const;

    bool operator==(const EventCursor&) const = default;
    bool operator<(const EventCursor& other) const {
        return transaction == other.transaction ? id < other.id : transaction < other.transaction;
    }
};

// Of an event that the database has given.
EventCursor cursor_of(const Event& event);

// What can be read of the feed: everything behind `begin` is kept, and no event will be added
// before `end`.
struct EventBounds {
    std::int64_t begin_transaction = 0;
    std::int64_t begin_id = 0;
    std::int64_t end_transaction = 0;
    std::int64_t end_id = 0;
    // Behind everything that was ever written.
    std::int64_t future_transaction = 0;
    std::int64_t future_id = 0;

    EventCursor begin() const { return {begin_transaction, begin_id}; }
    EventCursor end() const { return {end_transaction, end_id}; }

    // Whether a reader that has read up to there misses nothing.
    bool reach(const EventCursor& cursor) const;

    // Where a reader goes on that sent this cursor; nullopt when it is none of this feed, or some
    // of what it has missed is gone.
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
        };
    }
};
