#include "shared/config/database_url.hpp"

namespace {

constexpr std::string_view sqlite_scheme = "sqlite:///";

}  // namespace

bool has_database_scheme(std::string_view text) {
    return text.starts_with(sqlite_scheme) || text.starts_with("postgresql://") ||
           text.starts_with("postgres://");
}

std::optional<DatabaseUrl> parse_database_url(std::string_view text) {
    if (!has_database_scheme(text)) return std::nullopt;
    DatabaseUrl url{.text = std::string{text}, .sqlite_file = {}, .postgres = {}};
    if (text.starts_with(sqlite_scheme)) {
        const auto file = text.substr(sqlite_scheme.size());
        url.sqlite_file = file.empty() ? ":memory:" : file;
        return url;
    }
    auto parsed = parse_postgres_url(url.text);
    if (!parsed) return std::nullopt;
    url.postgres = std::move(*parsed);
    return url;
}
