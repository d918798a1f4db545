// Pages of the feed, for readers with a position of their own.
#pragma once

#include <cstdint>
#include <vector>

#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/events/audience.hpp"
#include "shared/events/cursor.hpp"
#include "shared/models/event.hpp"

struct FeedPage {
    std::vector<Event> events;
    EventCursor next;       // after the last event, where the next page begins
    bool is_whole = false;  // no more events existed when it was read
    EventBounds bounds;     // read afterwards: nothing after `begin` was missing
};

// The events that the audiences may read after a cursor: at most `limit`, and at most 256 KiB
// unless one event is larger. One round trip. Throws DbError.
Async<FeedPage> read_page(Database& db, const Audiences& audiences, EventCursor after,
                          std::int64_t limit);
