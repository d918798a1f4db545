#include "shared/db/rows.hpp"

#include <stdexcept>

namespace db {

void read_cell(const Rows& rows, std::size_t row, std::size_t column,
               std::vector<std::string>& out) {
    const auto array = json::parse(rows.text(row, column));
    if (!array.IsArray()) throw std::logic_error("a column of texts is not a JSON array");
    out.clear();
    for (const auto& text : array.GetArray()) out.emplace_back(json::text_of(text));
}

void check_columns(const Rows& rows, const char* query, const std::string_view* fields,
                   std::size_t count) {
    const auto columns = rows.column_count();
    std::size_t same = 0;
    while (same < columns && same < count && rows.column_name(same) == fields[same]) ++same;
    if (same == columns && same == count) return;
    const auto column = same < columns ? "column " + std::string{rows.column_name(same)}
                                       : std::string{"no further column"};
    const auto field =
        same < count ? "field " + std::string{fields[same]} : std::string{"no further field"};
    throw std::logic_error(std::string{query} + " returned " + column + " where its type has " +
                           field);
}

const Rows& Results::rows_at(const Place& place) const {
    if (place.batch_id != batch_id_)
        throw std::logic_error(std::string{"the slot of "} + place.query->name +
                               " belongs to another batch");
    return *rows_.at(prepended_ + place.index);
}

void Results::throw_no_row(const Place& place) {
    throw std::logic_error(std::string{place.query->name} + " returned no row");
}

}  // namespace db
