#include "shared/events/page.hpp"

#include <algorithm>
#include <utility>

#include "sql/events.hpp"

namespace {

constexpr std::size_t max_page_bytes = 262'144;
// What a filtered page reads of data at most, and one more event.
constexpr std::int64_t max_read_bytes = 4'194'304;

// A row of feed_end.
struct FeedEnd {
    std::int64_t transaction = 0;
    std::int64_t id = 0;

    static consteval auto fields() {
        return std::tuple{json::field("transaction", &FeedEnd::transaction),
                          json::field("id", &FeedEnd::id)};
    }
};

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

// Reads up to `limit` events with the given query, and the bounds of the feed.
template <class... More>
Async<FeedPage> read(Database& db, const FeedMark& mark, const Query& query,
                     const Audiences& audiences, EventCursor after, std::int64_t limit,
                     More... more) {
    db::Batch batch;
    const auto end_before = batch.add<FeedEnd>(sql::feed_end);
    const auto events = batch.add<Event>(
        query, db::named("everybody", audiences.everybody), db::named("jobs", audiences.jobs),
        db::named("user", audiences.user), db::named("after_transaction", after.transaction),
        db::named("after_id", after.id), db::named("limit", limit), std::move(more)...);
    const auto bounds = batch.add<EventBounds>(sql::event_bounds);
    const auto results = co_await db.run(std::move(batch));
    // The end that was read before the page: the page contains everything up to it.
    const auto end = results.one(end_before);
    FeedPage page;
    page.events = results.all(events);
    auto checked = co_await mark.check(db.lasting(), results.one(bounds));
    page.bounds = std::move(checked);
    page.is_whole = static_cast<std::int64_t>(page.events.size()) < limit;
    const auto epoch = page.bounds.epoch();
    add_epoch(page.events, epoch);
    page.next = page.events.empty() ? after : cursor_of(page.events.back());
    if (page.is_whole) page.next = std::max(page.next, EventCursor{end.transaction, end.id});
    page.next.epoch = epoch;
    co_return page;
}

// Ends the page after its last event.
void end_early(FeedPage& page) {
    page.is_whole = false;
    page.next = cursor_of(page.events.back());
}

}  // namespace

Async<FeedPage> read_page(Database& db, const FeedMark& mark, const Audiences& audiences,
                          EventCursor after, std::int64_t limit) {
    auto page = co_await read(db, mark, sql::list_events_of, audiences, std::move(after), limit);
    if (cut(page.events)) end_early(page);
    co_return page;
}

Async<FeedPage> read_filtered_page(Database& db, const FeedMark& mark, const Audiences& audiences,
                                   const EventFilter& filter, EventCursor after,
                                   std::int64_t limit) {
    auto page = co_await read(db, mark, sql::list_events_to_filter, audiences, std::move(after),
                              max_looked_at, db::named("max_bytes", max_read_bytes));
    // The query may have ended the page early.
    std::int64_t characters = 0;
    for (const auto& event : page.events)
        characters += static_cast<std::int64_t>(event.data.text.size());
    if (characters >= max_read_bytes) end_early(page);
    std::erase_if(page.events, [&](const auto& event) { return !filter.accepts(event); });
    const bool is_long = static_cast<std::int64_t>(page.events.size()) > limit;
    if (is_long) page.events.resize(static_cast<std::size_t>(limit));
    if (cut(page.events) || is_long) end_early(page);
    co_return page;
}
