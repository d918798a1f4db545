#include "shared/http/page.hpp"

#include <algorithm>
#include <limits>

#include "shared/digest.hpp"
#include "shared/number.hpp"
#include "shared/text.hpp"

namespace {

constexpr std::size_t digest_digits = 16;
constexpr std::size_t id_bytes = 8;

// Binds a position to its list and detects a truncated or mistyped cursor; it protects no secret.
// The name of a list contains no NUL.
std::string digest(std::string_view list, std::string_view position) {
    std::string both{list};
    both.append(1, '\0').append(position);
    return entity_tag(both).substr(1, digest_digits);
}

[[noreturn]] void refuse() {
    throw invalid(
        {"query", "cursor"},
        "Value error, not a cursor of this list: use next_cursor from a page with the same "
        "parameters");
}

}  // namespace

std::string write_cursor(std::string_view list, const Position& position) {
    std::string bytes;
    for (int shift = 56; shift >= 0; shift -= 8)
        bytes += static_cast<char>(position.id >> shift & 0xff);
    bytes += position.key;
    return digest(list, bytes) + hex(bytes);
}

Position read_cursor(std::string_view list, std::string_view cursor) {
    const auto bytes = unhex(cursor.substr(std::min(digest_digits, cursor.size())));
    if (!bytes || bytes->size() < id_bytes || !cursor.starts_with(digest(list, *bytes))) refuse();
    Position position{.key = bytes->substr(id_bytes)};
    // Anybody can compute a digest, so values that a database would refuse are checked here.
    if (!is_utf8(position.key) || position.key.find('\0') != position.key.npos) refuse();
    for (const char byte : bytes->substr(0, id_bytes))
        position.id = position.id << 8 | static_cast<unsigned char>(byte);
    return position;
}

std::string write_cursor(std::string_view list, const MomentAndUuid& position) {
    return write_cursor(list, {.key = position.id.text(), .id = position.moment.microseconds});
}

MomentAndUuid read_uuid_cursor(std::string_view list, std::string_view cursor) {
    const auto position = read_cursor(list, cursor);
    const auto id = Uuid::parse(position.key);
    if (!id || position.id < Timestamp::first().microseconds ||
        position.id > Timestamp::last().microseconds)
        refuse();
    return {Timestamp{position.id}, *id};
}

std::string cursor_key(const Timestamp& moment) { return std::to_string(moment.microseconds); }

Timestamp moment_of_key(std::string_view key) {
    const auto microseconds = parse_number<std::int64_t>(key);
    if (!microseconds || *microseconds < Timestamp::first().microseconds ||
        *microseconds > Timestamp::last().microseconds)
        refuse();
    return {*microseconds};
}

std::int64_t number_of_key(std::string_view key) {
    const auto number = parse_number<std::int64_t>(key);
    if (!number) refuse();
    return *number;
}

Position before_all_moments(bool is_ascending) {
    if (is_ascending) return {cursor_key(Timestamp::first()), 0};
    return {cursor_key(Timestamp::last()), std::numeric_limits<std::int64_t>::max()};
}

void check_paging(const std::optional<std::string>& cursor, std::int64_t offset) {
    if (cursor && offset != 0)
        throw invalid({"query", "offset"}, "Value error, offset cannot be combined with cursor");
}
