// Pages of a list. A cursor says where a page ended, by the key that the list is sorted by and the
// id that breaks ties, so that the next page begins right behind it whatever has been added or
// removed meanwhile.
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

// The opaque text for a position in a list. `list` says which list it is: whose, of what, with
// which filters and in which order.
std::string write_cursor(std::string_view list, const Position& position);

// The position again. Throws ApiError (422, value_error) for anything that write_cursor() did not
// make for the same list.
Position read_cursor(std::string_view list, std::string_view cursor);

// For a list of rows that have a UUID: the same for a moment and the UUID that breaks ties.
struct MomentAndUuid {
    Timestamp moment;
    Uuid id;
};
std::string write_cursor(std::string_view list, const MomentAndUuid& position);
MomentAndUuid read_uuid_cursor(std::string_view list, std::string_view cursor);

// The key of a moment, and the moment again. Throws as read_cursor() does.
std::string cursor_key(const Timestamp& moment);
Timestamp moment_of_key(std::string_view key);

// Before everything in a list that is sorted by a moment.
Position before_all_moments(bool is_ascending);

// Throws ApiError (422, value_error) when a page is asked for both behind a cursor and at an
// offset.
void check_paging(const std::optional<std::string>& cursor, std::int64_t offset);

// A page of Ts from the first `limit` of the rows, of which there is one more when there is another
// page. position_of(T) says where the last one lies.
template <class T, class PositionOf>
Response page(const db::TypedRows<T>& rows, std::int64_t limit, std::int64_t offset,
              std::int64_t total, std::string_view list, PositionOf position_of) {
    const auto count = std::min(rows.size(), static_cast<std::size_t>(limit));
    std::optional<std::string> next_cursor;
    if (count < rows.size()) next_cursor = write_cursor(list, position_of(rows[count - 1]));
    return Response::page(rows.json(count),
                          {total, limit, offset, count < rows.size(), std::move(next_cursor)});
}
