#include "shared/events/page.hpp"

#include <algorithm>
#include <utility>

#include "sql/events.hpp"

namespace {

constexpr std::size_t max_page_bytes = 262'144;

// Keeps as many of the first events as fit a page. Returns whether any were dropped.
bool cut(std::vector<Event>& events) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < events.size(); ++i) {
        bytes += events[i].data.text.size() + events[i].subject.size();
        if (i == 0 || bytes <= max_page_bytes) continue;
        events.erase(events.begin() + static_cast<std::ptrdiff_t>(i), events.end());
        return true;
    }
    return false;
}

}  // namespace

Async<FeedPage> read_page(Database& db, const Audiences& audiences, EventCursor after,
                          std::int64_t limit) {
    db::Batch batch;
    const auto bounds_before = batch.add<EventBounds>(sql::event_bounds);
    const auto events =
        batch.add<Event>(sql::list_events_of, db::named("everybody", audiences.everybody),
                         db::named("jobs", audiences.jobs), db::named("user", audiences.user),
                         db::named("after_transaction", after.transaction),
                         db::named("after_id", after.id), db::named("limit", limit));
    const auto bounds = batch.add<EventBounds>(sql::event_bounds);
    const auto results = co_await db.run(std::move(batch));
    // The bounds read before the page: the page contains everything up to their end.
    const auto end = results.one(bounds_before).end();
    FeedPage page;
    page.events = results.all(events);
    page.bounds = results.one(bounds);
    const bool is_full = static_cast<std::int64_t>(page.events.size()) == limit;
    page.is_whole = !cut(page.events) && !is_full;
    page.next = page.events.empty() ? after : cursor_of(page.events.back());
    if (page.is_whole) page.next = std::max(page.next, end);
    co_return page;
}
