// Pages of a list. A cursor holds the position at which a page ended: the sort key and the id that
// breaks ties. The next page begins right after it, whatever rows are added or removed meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/db/database.hpp"
#include "shared/http/response.hpp"

struct Position {
    std::string key;
    std::int64_t id = 0;
};

// The opaque text for a position in a list. `list` identifies the list: its owner, content, filters
// and order.
std::string write_cursor(std::string_view list, const Position& position);

// Reads a position back. Throws ApiError (422, value_error) for any text that write_cursor() did
// not make for the same list.
Position read_cursor(std::string_view list, std::string_view cursor);

// The same for lists whose rows are ordered by a moment and a UUID that breaks ties.
struct MomentAndUuid {
    Timestamp moment;
    Uuid id;
};
std::string write_cursor(std::string_view list, const MomentAndUuid& position);
MomentAndUuid read_uuid_cursor(std::string_view list, std::string_view cursor);

// Converts a moment to a key and back. Throws as read_cursor() does.
std::string cursor_key(const Timestamp& moment);
Timestamp moment_of_key(std::string_view key);

// The key of a position in a list that is sorted by a whole number. Throws as read_cursor() does.
std::int64_t number_of_key(std::string_view key);

// The position before all rows of a list that is sorted by a moment.
Position before_all_moments(bool is_ascending);

// Throws ApiError (422, value_error) if a request has both a cursor and an offset.
void check_paging(const std::optional<std::string>& cursor, std::int64_t offset);

// A page of at most `limit` Ts. `rows` holds one row more if another page follows. position_of(T)
// returns the position of a row.
template <class T, class PositionOf>
Response page(const db::TypedRows<T>& rows, std::int64_t limit, std::int64_t offset,
              std::int64_t total, std::string_view list, PositionOf position_of) {
    const auto count = std::min(rows.size(), static_cast<std::size_t>(limit));
    std::optional<std::string> next_cursor;
    if (count < rows.size()) next_cursor = write_cursor(list, position_of(rows[count - 1]));
    return Response::list(rows.json(count),
                          {total, limit, offset, count < rows.size(), std::move(next_cursor)});
}
