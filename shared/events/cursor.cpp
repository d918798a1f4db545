#include "shared/events/cursor.hpp"

#include <algorithm>
#include <stdexcept>

#include "shared/digest.hpp"
#include "shared/number.hpp"
#include "shared/text.hpp"

namespace {

// A whole number from 0, without a sign or leading zeros.
std::optional<std::int64_t> number_of(std::string_view text) {
    if (text.starts_with('-') || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    return parse_number<std::int64_t>(text);
}

bool is_epoch(std::string_view text) {
    return text.size() == epoch_size && text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace

std::optional<EventCursor> EventCursor::parse(std::string_view text) {
    if (text == "0") return EventCursor{};
    const auto dash = text.find('-');
    if (dash == text.npos) return std::nullopt;
    const auto transaction = number_of(text.substr(0, dash));
    text.remove_prefix(dash + 1);
    const auto end = std::min(text.find('-'), text.size());
    const auto id = number_of(text.substr(0, end));
    if (!transaction || !id) return std::nullopt;
    if (end == text.size()) return EventCursor{*transaction, *id};
    const auto epoch = text.substr(end + 1);
    if (!is_epoch(epoch)) return std::nullopt;
    return EventCursor{*transaction, *id, std::string{epoch}};
}

std::string EventCursor::text() const {
    const auto position = std::to_string(transaction) + "-" + std::to_string(id);
    return epoch.empty() ? position : position + "-" + epoch;
}

EventCursor cursor_of(const Event& event) {
    const auto cursor = EventCursor::parse(event.id);
    if (!cursor) throw std::logic_error("not an id of an event: " + event.id);
    return *cursor;
}

void add_epoch(std::vector<Event>& events, const std::string& epoch) {
    for (auto& event : events) event.id.append("-").append(epoch);
}

std::string EventBounds::epoch() const {
    const auto digest = sha256(history);
    return hex(bytes_of(digest)).substr(0, epoch_size);
}

bool EventBounds::reach(const EventCursor& cursor) const {
    const bool is_of_this_history =
        cursor.epoch.empty() ? history == first_history : cursor.epoch == epoch();
    return is_of_this_history && !(cursor < begin()) &&
           cursor < EventCursor{future_transaction, future_id};
}

std::optional<EventCursor> EventBounds::resume(std::string_view text) const {
    auto cursor = EventCursor::parse(text);
    if (!cursor) return std::nullopt;
    if (text == "0") return begin();
    if (!reach(*cursor)) return std::nullopt;
    cursor->epoch = epoch();
    return cursor;
}
