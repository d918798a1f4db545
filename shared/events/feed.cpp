#include "shared/events/feed.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <utility>

#include "shared/endpoint.hpp"
#include "shared/log.hpp"
#include "sql/events.hpp"

namespace {

using namespace std::chrono_literals;

constexpr auto poll_interval = 50ms;
constexpr auto keep_alive_interval = 15s;
constexpr auto pause_after_failure = 500ms;
constexpr std::int64_t page_size = 32;
// What waits beyond these bounds a listener reads by itself again, at its own pace. The texts
// themselves are shared by all that wait for them.
constexpr std::size_t max_waiting = 1000;
constexpr std::size_t max_waiting_bytes = 1'048'576;
// After so much the listeners have their turn to write.
constexpr std::size_t turn_bytes = 131'072;
// What is put together for one write(), an event at least.
constexpr std::size_t max_write_bytes = 16'384;
// However many fall behind at the same time, the database is asked for so many of them at once.
constexpr int max_catching_up = 4;

// One of the process, as it is the one that asks the database.
struct Shared {
    std::shared_ptr<Feed> feed;
};

EventCursor cursor_of(const Event& event) { return EventCursor::parse(event.id).value(); }

}  // namespace

std::string in_one_line(const Event& event) {
    auto text = json::write(event);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return text;
}

Clock::time_point end_of(const Identity& reader) {
    if (reader.expires_at == 0) return Clock::time_point::max();
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch());
    constexpr std::int64_t year = 31'536'000;
    return Clock::now() + std::chrono::seconds{std::min(reader.expires_at - now.count(), year)};
}

Feed::Feed(Loop& loop, Database& db, EventFormat format)
    : loop_(loop), db_(db), format_(format), place_(loop, Clock::time_point::max()) {}

Async<> Feed::pass_on(Stream& stream, Audiences audiences, EventCursor cursor,
                      Clock::time_point until, std::string keep_alive) {
    const auto self = shared_from_this();
    Listener listener{stream, std::move(audiences), cursor};
    struct Leave {
        Feed& feed;
        Listener* listener;
        ~Leave() { feed.listeners_.erase(listener); }
    } const leave_at_end{*this, &listener};

    auto written = Clock::now();
    while (!stream.is_over() && !listener.is_lost_ && Clock::now() < until) {
        if (!listener.has_joined_ && listener.waiting_.empty()) {
            co_await catch_up(listener);
        } else if (listener.waiting_.empty()) {
            const auto next =
                keep_alive.empty() ? until : std::min(until, written + keep_alive_interval);
            co_await stream.wait(next);
        }
        auto text = listener.take_waiting();
        if (text.empty() && Clock::now() - written >= keep_alive_interval) text = keep_alive;
        if (text.empty() || stream.is_over()) continue;
        co_await stream.write(text);
        written = Clock::now();
    }
}

// A page of what the listener has missed, when it has got a place among those who are behind.
Async<> Feed::catch_up(Listener& listener) {
    while (catching_up_ == max_catching_up) co_await expired(place_);
    struct Place {
        Feed& feed;
        explicit Place(Feed& of) : feed{of} { ++feed.catching_up_; }
        ~Place() {
            --feed.catching_up_;
            feed.place_.cancel_one();
        }
    };
    auto rest = Clock::duration{0};
    {
        const Place place{*this};
        if (listener.stream_.is_over()) co_return;
        try {
            co_await read_page(listener);
            if (listener.is_whole_ && !listener.has_joined_) rest = poll_interval;
        } catch (const std::exception& error) {
            logging::warning("events cannot be read", {{"reason", std::string_view{error.what()}}});
            rest = pause_after_failure;
        }
    }
    if (rest > Clock::duration{0}) co_await sleep_for(rest);
}

// Bounds are read before the page, so that it holds everything up to their end, and after it, so
// that nothing of it was gone by then.
Async<> Feed::read_page(Listener& listener) {
    const auto& audiences = listener.audiences_;
    db::Batch batch;
    batch.add(sql::event_bounds);
    batch.add(sql::list_events_of, audiences.everybody, audiences.jobs, audiences.user,
              listener.cursor_.transaction, listener.cursor_.id, page_size);
    batch.add(sql::event_bounds);
    const auto results = co_await db_.run(std::move(batch));
    const auto end = db::first<EventBounds>(*results[0]).value().end();
    const auto begin = db::first<EventBounds>(*results[2]).value().begin();
    // Some of what it missed was pruned meanwhile: it comes back, and is told.
    listener.is_lost_ = listener.cursor_ < begin;
    if (listener.is_lost_) co_return;
    auto events = db::all<Event>(*results[1]);
    const bool is_full = static_cast<std::int64_t>(events.size()) == page_size;
    listener.is_whole_ = !cut_page(events) && !is_full;
    for (const auto& event : events) listener.push(written(event));
    if (!events.empty()) listener.cursor_ = cursor_of(events.back());
    if (!listener.is_whole_) co_return;
    listener.cursor_ = std::max(listener.cursor_, end);
    join(listener, end);
}

// Whoever is not behind the others gets what they get from now on.
void Feed::join(Listener& listener, EventCursor end) {
    if (!is_polling_) cursor_ = end;
    if (listener.cursor_ < cursor_) return;
    listener.has_joined_ = true;
    listeners_.insert(&listener);
    if (std::exchange(is_polling_, true)) return;
    spawn(loop_, poll(), rethrow);
}

Async<> Feed::poll() {
    const auto self = shared_from_this();
    while (!listeners_.empty()) {
        auto interval = Clock::duration{poll_interval};
        bool is_full = false;
        try {
            db::Batch batch;
            batch.add(sql::list_events, cursor_.transaction, cursor_.id, page_size);
            const auto results = co_await db_.run(std::move(batch));
            const auto events = db::all<Event>(*results[0]);
            std::size_t bytes = 0;
            for (const auto& event : events) {
                bytes += pass_on(event);
                if (bytes < turn_bytes) continue;
                co_await next_turn();
                bytes = 0;
            }
            is_full = static_cast<std::int64_t>(events.size()) == page_size;
        } catch (const std::exception& error) {
            logging::warning("events cannot be read", {{"reason", std::string_view{error.what()}}});
            interval = pause_after_failure;
        }
        // The listeners have their turn before the next page.
        if (is_full)
            co_await next_turn();
        else
            co_await sleep_for(interval);
    }
    is_polling_ = false;
}

std::size_t Feed::pass_on(const Event& event) {
    cursor_ = cursor_of(event);
    std::shared_ptr<const std::string> text;
    for (auto at = listeners_.begin(); at != listeners_.end();) {
        auto& listener = **at;
        ++at;
        if (!(listener.cursor_ < cursor_) || !listener.audiences_.holds(event.audience)) continue;
        if (!text) text = written(event);
        listener.stream_.wake();
        if (listener.waiting_.size() < max_waiting && listener.waiting_bytes_ < max_waiting_bytes) {
            listener.cursor_ = cursor_;
            listener.push(text);
        } else {
            // Its cursor stays where it is.
            listener.has_joined_ = false;
            listeners_.erase(&listener);
        }
    }
    return text ? text->size() : 0;
}

std::shared_ptr<const std::string> Feed::written(const Event& event) const {
    return std::make_shared<const std::string>(format_(event));
}

void Listener::push(std::shared_ptr<const std::string> text) {
    waiting_bytes_ += text->size();
    waiting_.push_back(std::move(text));
}

std::string Listener::take_waiting() {
    std::string text;
    while (!waiting_.empty() &&
           (text.empty() || text.size() + waiting_.front()->size() <= max_write_bytes)) {
        text += *waiting_.front();
        waiting_bytes_ -= waiting_.front()->size();
        waiting_.pop_front();
    }
    return text;
}

Async<FeedStart> start_reading(Context& context, const std::optional<std::string>& after,
                               EventFormat format) {
    const auto bounds = co_await context.db.one<EventBounds>(sql::event_bounds);
    const auto cursor = after ? bounds.resume(*after) : bounds.end();
    auto& feed = context.kept.get<Shared>().feed;
    const auto executor = co_await boost::asio::this_coro::executor;
    if (!feed) feed = std::make_shared<Feed>(executor.context(), context.db, format);
    co_return FeedStart{feed, cursor.value_or(bounds.end()), !cursor};
}
