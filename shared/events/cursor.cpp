#include "shared/events/cursor.hpp"

#include <stdexcept>

#include "shared/number.hpp"

namespace {

// A whole number from 0, without a sign or leading zeros.
std::optional<std::int64_t> number_of(std::string_view text) {
    if (text.starts_with('-') || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    return parse_number<std::int64_t>(text);
}

}  // namespace

std::optional<EventCursor> EventCursor::parse(std::string_view text) {
    if (text == "0") return EventCursor{};
    const auto dash = text.find('-');
    if (dash == text.npos) return std::nullopt;
    const auto transaction = number_of(text.substr(0, dash));
    const auto id = number_of(text.substr(dash + 1));
    if (!transaction || !id) return std::nullopt;
    return EventCursor{*transaction, *id};
}

std::string EventCursor::text() const {
    return std::to_string(transaction) + "-" + std::to_string(id);
}

EventCursor cursor_of(const Event& event) {
    const auto cursor = EventCursor::parse(event.id);
    if (!cursor) throw std::logic_error("not an id of an event: " + event.id);
    return *cursor;
}

bool EventBounds::reach(const EventCursor& cursor) const {
    return !(cursor < begin()) && cursor < EventCursor{future_transaction, future_id};
}

std::optional<EventCursor> EventBounds::resume(std::string_view text) const {
    const auto cursor = EventCursor::parse(text);
    if (!cursor) return std::nullopt;
    if (text == "0") return begin();
    return reach(*cursor) ? cursor : std::nullopt;
}
