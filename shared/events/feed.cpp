#include "shared/events/feed.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <utility>

#include "shared/context.hpp"
#include "shared/events/page.hpp"
#include "shared/log.hpp"
#include "shared/scope_exit.hpp"
#include "sql/events.hpp"

namespace {

using namespace std::chrono_literals;

constexpr auto poll_interval = 50ms;
constexpr auto pause_after_failure = 500ms;
constexpr std::int64_t page_size = 32;
// Beyond these bounds a listener drops its queue and reads pages instead, at its own pace. All
// listeners share the texts.
constexpr std::size_t max_waiting = 1000;
constexpr std::size_t max_waiting_bytes = 1'048'576;
// After this many bytes the listeners get a turn to write.
constexpr std::size_t turn_bytes = 131'072;
// The maximum size of one write(), unless a single event is larger.
constexpr std::size_t max_write_bytes = 16'384;
// A filtered stream sends its position after as many events that it leaves out.
constexpr int max_left_out = 1000;
// How many of the listeners that are behind may query the database at the same time.
constexpr int max_called = 4;

void warn(const std::exception& error) {
    logging::warning("could not read events", {{"reason", std::string_view{error.what()}}});
}

// One feed for the whole process, because it alone queries the database.
struct Shared {
    std::shared_ptr<Feed> feed;
};

}  // namespace

std::string in_one_line(const Event& event) {
    auto text = json::write(event);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return text;
}

Clock::time_point end_of(const Identity& reader, std::chrono::system_clock::time_point now) {
    if (reader.expires_at == 0) return Clock::time_point::max();
    using std::chrono::seconds;
    constexpr std::int64_t year = 31'536'000;
    const auto since_1970 = now.time_since_epoch();
    const auto whole = std::chrono::floor<seconds>(since_1970);
    const seconds left{std::min(reader.expires_at - whole.count(), year)};
    return Clock::now() + left - (since_1970 - whole);
}

WrittenEvent::Text WrittenEvent::in(const StreamFormat& format) {
    for (const auto& [known, text] : texts_)
        if (known == &format) return text;
    auto text = std::make_shared<const std::string>(format.event(event_));
    texts_.emplace_back(&format, text);
    return text;
}

std::size_t WrittenEvent::bytes() const {
    std::size_t sum = 0;
    for (const auto& [format, text] : texts_) sum += text->size();
    return sum;
}

Async<> Feed::serve(Stream& stream, Subscription subscription, Clock::time_point until) {
    const auto self = shared_from_this();
    const std::string keep_alive{subscription.format.keep_alive};
    Listener listener{stream, std::move(subscription)};
    const ScopeExit leave_at_end{[&] { leave(listener); }};

    auto written = Clock::now();
    while (!stream.is_over() && listener.state_ != State::lost && Clock::now() < until) {
        if (listener.waiting_.empty()) {
            if (listener.state_ == State::refused) stream.end();
            queue(listener);
            if (listener.state_ == State::called) co_await catch_up(listener);
        }
        if (listener.waiting_.empty() && listener.state_ != State::lost) {
            auto next =
                keep_alive.empty() ? until : std::min(until, written + keep_alive_interval_);
            if (listener.state_ == State::behind) next = std::min(next, listener.due_);
            co_await stream.wait(next);
        }
        auto text = listener.take_waiting();
        if (text.empty() && Clock::now() - written >= keep_alive_interval_) text = keep_alive;
        if (text.empty() || stream.is_over()) continue;
        co_await stream.write(text);
        written = Clock::now();
    }
}

void Feed::queue(Listener& listener) {
    if (listener.state_ != State::behind || Clock::now() < listener.due_) return;
    if (called_ == max_called) {
        listener.state_ = State::queued;
        queue_.push_back(&listener);
    } else {
        listener.state_ = State::called;
        ++called_;
    }
}

// Passes the turn on directly, so that no other listener can take it.
void Feed::end_turn() {
    if (queue_.empty()) {
        --called_;
        return;
    }
    queue_.front()->state_ = State::called;
    queue_.front()->stream_.wake();
    queue_.pop_front();
}

// Reads a page of the events that the listener has missed.
Async<> Feed::catch_up(Listener& listener) {
    // SQLite answers at once, and a stream may accept a write at once: other coroutines need a
    // turn.
    co_await next_turn();
    std::optional<FeedPage> page;
    try {
        auto read =
            co_await read_page(db_, mark_, listener.audiences_, listener.cursor_, page_size);
        page = std::move(read);
    } catch (const std::exception& error) {
        warn(error);
    }
    end_turn();
    listener.state_ = State::behind;
    listener.due_ = Clock::now();
    if (!page) {
        listener.due_ += pause_after_failure;
    } else if (!page->bounds.reach(listener.cursor_)) {
        listener.state_ = State::lost;
    } else {
        for (const auto& event : page->events) {
            WrittenEvent written{event};
            if (auto text = listener.text_for(written)) listener.push(std::move(text));
            if (!listener.is_refused_by(event)) continue;
            listener.state_ = State::refused;
            co_return;
        }
        listener.cursor_ = page->next;
        if (page->is_whole) join(listener);
        if (page->is_whole) listener.due_ += poll_interval;
    }
}

// A listener that has caught up joins the others.
void Feed::join(Listener& listener) {
    if (!is_polling_) cursor_ = listener.cursor_;
    if (listener.cursor_ < cursor_) return;
    listener.state_ = State::joined;
    listeners_.insert(&listener);
    if (std::exchange(is_polling_, true)) return;
    spawn(loop_, poll(), rethrow);
}

void Feed::leave(Listener& listener) {
    listeners_.erase(&listener);
    std::erase(queue_, &listener);
    if (listener.state_ == State::called) end_turn();
}

Async<> Feed::poll() {
    const auto self = shared_from_this();
    while (!listeners_.empty()) {
        auto interval = Clock::duration{poll_interval};
        bool is_full = false;
        try {
            db::Batch batch;
            const auto listed = batch.add<Event>(
                sql::list_events, db::named("after_transaction", cursor_.transaction),
                db::named("after_id", cursor_.id), db::named("limit", page_size));
            const auto bounds = batch.add<EventBounds>(sql::event_bounds);
            const auto results = co_await db_.run(std::move(batch));
            auto events = results.all(listed);
            const auto current = co_await mark_.check(db_, results.one(bounds));
            add_epoch(events, current.epoch());
            if (!current.reach(cursor_)) lose_all();
            std::size_t bytes = 0;
            for (const auto& event : events) {
                bytes += pass_on(event);
                if (bytes < turn_bytes) continue;
                co_await next_turn();
                bytes = 0;
            }
            is_full = static_cast<std::int64_t>(events.size()) == page_size;
        } catch (const std::exception& error) {
            if (listeners_.empty()) break;
            interval = pause_after_failure;
            warn(error);
        }
        // The listeners get a turn before the next page.
        if (is_full)
            co_await next_turn();
        else
            co_await sleep_for(interval);
    }
    is_polling_ = false;
}

// The next events were pruned before they were passed on, or the database has another history: it
// was promoted, restored or replaced. The clients reconnect and then get a reset.
void Feed::lose_all() {
    for (auto* const listener : listeners_) {
        listener->state_ = State::lost;
        listener->stream_.wake();
    }
    listeners_.clear();
}

std::size_t Feed::pass_on(const Event& event) {
    cursor_ = cursor_of(event);
    WrittenEvent written{event};
    for (auto at = listeners_.begin(); at != listeners_.end();) {
        auto& listener = **at;
        ++at;
        if (!(listener.cursor_ < cursor_) || !listener.audiences_.holds(event.audience)) continue;
        auto text = listener.text_for(written);
        if (!text) {
            listener.cursor_ = cursor_;
            continue;
        }
        listener.stream_.wake();
        if (listener.waiting_.size() < max_waiting && listener.waiting_bytes_ < max_waiting_bytes) {
            listener.cursor_ = cursor_;
            listener.push(std::move(text));
            if (!listener.is_refused_by(event)) continue;
            listener.state_ = State::refused;
            listeners_.erase(&listener);
        } else {
            // Its cursor stays at the last event that it has.
            listener.state_ = State::behind;
            listeners_.erase(&listener);
        }
    }
    return written.bytes();
}

WrittenEvent::Text Listener::text_for(WrittenEvent& event) {
    const auto& read = event.event();
    if (filter_.accepts(read.type, read.subject) || is_refused_by(read)) return event.in(format_);
    if (++left_out_ < max_left_out) return nullptr;
    return std::make_shared<const std::string>(format_.position(cursor_of(read)));
}

bool Listener::is_refused_by(const Event& event) const {
    return (event.type == "account.disabled" || event.type == "account.deleted") &&
           event.audience == audiences_.user && opened_ < cursor_of(event);
}

void Listener::push(std::shared_ptr<const std::string> text) {
    left_out_ = 0;
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

Async<FeedStart> start_reading(Context& context, const std::optional<std::string>& after) {
    const FeedMark mark{context.config};
    auto read = co_await context.db.one<EventBounds>(sql::event_bounds);
    const auto bounds = co_await mark.check(context.db.lasting(), std::move(read));
    const auto cursor = after ? bounds.resume(*after) : bounds.end();
    auto& feed = context.state.get<Shared>().feed;
    const auto executor = co_await boost::asio::this_coro::executor;
    if (!feed) feed = std::make_shared<Feed>(executor.context(), context.db.lasting(), mark);
    co_return FeedStart{feed, cursor.value_or(bounds.end()), bounds.end(), !cursor};
}
