// Pages of the feed, for whoever reads by itself.
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
    EventCursor next;       // behind all of them, where the next page begins
    bool is_whole = false;  // there was nothing more when it was read
    EventBounds bounds;     // as they were afterwards: of what is behind `begin`, nothing was gone
};

// What the audiences may read behind a cursor: at most `limit` events, and no more than 256 KiB of
// them but one at least. In one round trip. Throws DbError.
Async<FeedPage> read_page(Database& db, const Audiences& audiences, EventCursor after,
                          std::int64_t limit);
