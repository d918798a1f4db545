// Pages of the feed, for readers with a position of their own.
#pragma once

#include <cstdint>
#include <vector>

#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/events/audience.hpp"
#include "shared/events/cursor.hpp"
#include "shared/events/feed_mark.hpp"
#include "shared/events/filter.hpp"
#include "shared/models/event.hpp"

struct FeedPage {
    std::vector<Event> events;
    EventCursor next;       // after the last event, where the next page begins
    bool is_whole = false;  // no more events existed when it was read
    EventBounds bounds;     // read afterwards: nothing after `begin` was missing
};

// The most events that one page of a filtered feed looks at.
inline constexpr std::int64_t max_looked_at = 1000;

// Reads the events that the audiences may read after a cursor, with their epoch: at most `limit`,
// and at most 256 KiB unless one event is larger. One round trip. Throws DbError.
Async<FeedPage> read_page(Database& db, const FeedMark& mark, const Audiences& audiences,
                          EventCursor after, std::int64_t limit);

// The same with only those events that the filter accepts, among the next 1,000: the page may be
// empty although more events exist. Two round trips if the filter accepts any, otherwise one.
Async<FeedPage> read_filtered_page(Database& db, const FeedMark& mark, const Audiences& audiences,
                                   const EventFilter& filter, EventCursor after,
                                   std::int64_t limit);
