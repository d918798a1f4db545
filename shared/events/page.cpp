#include "shared/events/page.hpp"

#include <algorithm>
#include <utility>

#include "shared/json/writer.hpp"
#include "sql/events.hpp"

namespace {

constexpr std::size_t max_page_bytes = 262'144;

// A row of feed_end.
struct FeedEnd {
    std::int64_t transaction = 0;
    std::int64_t id = 0;

    static consteval auto fields() {
        return std::tuple{json::field("transaction", &FeedEnd::transaction),
                          json::field("id", &FeedEnd::id)};
    }
};

// A row of list_event_heads: what decides whether a filter accepts an event.
struct EventHead {
    std::int64_t transaction = 0;
    std::int64_t id = 0;
    std::string subject;
    std::string type;

    static consteval auto fields() {
        return std::tuple{
            json::field("transaction", &EventHead::transaction), json::field("id", &EventHead::id),
            json::field("subject", &EventHead::subject), json::field("type", &EventHead::type)};
    }
};

EventCursor cursor_of(const EventHead& head) { return {head.transaction, head.id}; }

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

// Rows of the feed, and how far it reached.
template <class Row>
struct Reading {
    std::vector<Row> rows;
    FeedEnd end;         // read before the rows, which contain everything up to it
    EventBounds bounds;  // read afterwards
};

// One round trip.
template <class Row>
Async<Reading<Row>> read_rows(Database& db, const FeedMark& mark, db::Statement statement) {
    db::Batch batch;
    const auto end = batch.add<FeedEnd>(sql::feed_end);
    const auto rows = batch.add<Row>(std::move(statement));
    const auto bounds = batch.add<EventBounds>(sql::event_bounds);
    const auto results = co_await db.run(std::move(batch));
    Reading<Row> reading{results.all(rows), results.one(end), {}};
    auto checked = co_await mark.check(db.lasting(), results.one(bounds));
    reading.bounds = std::move(checked);
    co_return reading;
}

// The next `limit` events of the audiences, as the query lists them.
db::Statement next_events(const Query& query, const Audiences& audiences, const EventCursor& after,
                          std::int64_t limit) {
    return db::statement(query, db::named("everybody", audiences.everybody),
                         db::named("jobs", audiences.jobs), db::named("user", audiences.user),
                         db::named("after_transaction", after.transaction),
                         db::named("after_id", after.id), db::named("limit", limit));
}

// The events with these heads.
db::Statement events_with(const std::vector<EventHead>& heads) {
    std::string ids;
    json::Writer writer{ids};
    writer.begin_array();
    for (const auto& head : heads) writer.integer(head.id);
    writer.end_array();
    return db::statement(sql::list_events_with_ids, ids);
}

// A page without events yet, which ends after the last of the rows that next_events() read.
template <class Row>
FeedPage page_of(const Reading<Row>& reading, const EventCursor& after, std::int64_t limit) {
    FeedPage page;
    page.bounds = reading.bounds;
    page.is_whole = static_cast<std::int64_t>(reading.rows.size()) < limit;
    page.next = reading.rows.empty() ? after : cursor_of(reading.rows.back());
    if (page.is_whole)
        page.next = std::max(page.next, EventCursor{reading.end.transaction, reading.end.id});
    page.next.epoch = page.bounds.epoch();
    return page;
}

// Ends the page at this position, behind which more events may exist.
void end_early(FeedPage& page, EventCursor next) {
    page.is_whole = false;
    next.epoch = std::move(page.next.epoch);
    page.next = std::move(next);
}

// Gives the page its events, or as many of them as fit.
void fill(FeedPage& page, std::vector<Event> events) {
    page.events = std::move(events);
    const bool is_cut = cut(page.events);
    add_epoch(page.events, page.next.epoch);
    if (is_cut) end_early(page, cursor_of(page.events.back()));
}

}  // namespace

Async<FeedPage> read_page(Database& db, const FeedMark& mark, const Audiences& audiences,
                          EventCursor after, std::int64_t limit) {
    auto reading = co_await read_rows<Event>(
        db, mark, next_events(sql::list_events_of, audiences, after, limit));
    auto page = page_of(reading, after, limit);
    fill(page, std::move(reading.rows));
    co_return page;
}

// The data of an event may be large, and the filter needs none of it. So a second round trip reads
// the accepted events, unless there are none.
Async<FeedPage> read_filtered_page(Database& db, const FeedMark& mark, const Audiences& audiences,
                                   const EventFilter& filter, EventCursor after,
                                   std::int64_t limit) {
    auto looked_at = co_await read_rows<EventHead>(
        db, mark, next_events(sql::list_event_heads, audiences, after, max_looked_at));
    auto page = page_of(looked_at, after, max_looked_at);
    auto& heads = looked_at.rows;
    std::erase_if(heads,
                  [&](const auto& head) { return !filter.accepts(head.type, head.subject); });
    if (heads.empty()) co_return page;
    if (static_cast<std::int64_t>(heads.size()) > limit) {
        heads.erase(heads.begin() + limit, heads.end());
        end_early(page, cursor_of(heads.back()));
    }
    auto accepted = co_await read_rows<Event>(db, mark, events_with(heads));
    page.bounds = std::move(accepted.bounds);
    auto epoch = page.bounds.epoch();
    if (epoch != page.next.epoch) {
        // In another history the positions that were looked at belong to other events.
        end_early(page, std::move(after));
        page.next.epoch = std::move(epoch);
        co_return page;
    }
    // The second statement lists by ids alone.
    std::erase_if(accepted.rows,
                  [&](const auto& event) { return !audiences.holds(event.audience); });
    fill(page, std::move(accepted.rows));
    co_return page;
}
