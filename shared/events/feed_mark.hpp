// Notices that the SQLite file was replaced by an older one, a backup for example: RUN_DIR keeps
// the end of the feed as the service's processes have last seen it, and the epoch of its history.
// `steelthread run` and commands check before they write anything, because new events hide that the
// file is older. So does everything that sends cursors, which keeps the mark up to date.
#pragma once

#include <string>

#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/events/cursor.hpp"

struct Config;

// The name of the file in RUN_DIR.
inline constexpr char feed_mark_file[] = "feed_mark";

class FeedMark {
public:
    // Checks nothing.
    FeedMark() = default;
    // The file in RUN_DIR. On PostgreSQL, whose server knows its history, it checks nothing.
    explicit FeedMark(const Config& config);

    // Called with bounds that were just read, before anything that they determine is sent. Returns
    // them, or, if the database ends before the mark or has another history, begins a new history
    // and returns its bounds. Throws DbError, also if the file cannot be written.
    Async<EventBounds> check(Database& db, EventBounds bounds) const;

private:
    std::string path_;
};
