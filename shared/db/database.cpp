#include "shared/db/database.hpp"

#include "shared/config/config.hpp"
#include "shared/db/engines.hpp"

namespace db {

void check_columns(const Rows& rows, const std::string_view* names, std::size_t count) {
    bool is_same = rows.column_count() == count;
    for (std::size_t i = 0; is_same && i < count; ++i) is_same = rows.column_name(i) == names[i];
    if (is_same) return;
    std::string message = "the columns of a query are not the declared fields:";
    for (std::size_t i = 0; i < rows.column_count(); ++i)
        message.append(" ").append(rows.column_name(i));
    throw std::logic_error(message);
}

}  // namespace db

std::unique_ptr<Database> open_database(const Config& config, Loop& loop) {
    return config.sqlite_path() ? open_sqlite(config) : open_postgres(config, loop);
}
