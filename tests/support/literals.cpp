#include "tests/support/literals.hpp"

bool is_sqlite(Service& service) { return service.config().sqlite_path().has_value(); }

std::string quoted(const std::string& text) {
    std::string literal = "'";
    for (const char c : text) literal.append(c == '\'' ? 2 : 1, c);
    return literal + "'";
}

std::string literal(Service& service, const Timestamp& moment) {
    return is_sqlite(service) ? std::to_string(moment.microseconds) : quoted(moment.text());
}
