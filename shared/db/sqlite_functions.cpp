#include "shared/db/sqlite_functions.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "shared/db/database.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/digest.hpp"
#include "shared/json/reader.hpp"
#include "shared/json/writer.hpp"
#include "shared/text.hpp"

namespace {

using Arguments = sqlite3_value**;

std::string_view text_of(sqlite3_value* value) {
    const void* const text = sqlite3_value_blob(value);
    const auto size = static_cast<std::size_t>(sqlite3_value_bytes(value));
    return {text ? static_cast<const char*>(text) : "", size};
}

void answer_text(sqlite3_context* context, std::string_view text) {
    sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

bool is_null(sqlite3_value* value) { return sqlite3_value_type(value) == SQLITE_NULL; }

bool is_less(sqlite3_value* left, sqlite3_value* right) {
    if (sqlite3_value_type(left) == SQLITE_INTEGER && sqlite3_value_type(right) == SQLITE_INTEGER)
        return sqlite3_value_int64(left) < sqlite3_value_int64(right);
    return sqlite3_value_double(left) < sqlite3_value_double(right);
}

using Parts = std::vector<std::string>;

Parts parts_of(std::string_view array) {
    Parts parts;
    const auto document = json::parse(array);
    for (const auto& part : document.GetArray()) parts.emplace_back(json::text_of(part));
    return parts;
}

struct SqliteFunction {
    const char* name;
    int arguments;
    void (*call)(sqlite3_context* context, int count, Arguments arguments);
};

// A null argument makes the result null, but greatest() and least() ignore nulls.
constexpr SqliteFunction sqlite_functions[] = {
    // The time of the transaction, which is constant within it as in PostgreSQL.
    {"now", 0,
     [](sqlite3_context* context, int, Arguments) {
         const auto* const moment = static_cast<Timestamp*>(sqlite3_user_data(context));
         sqlite3_result_int64(context, moment->microseconds);
     }},
    // make_interval(years, months, weeks, days, hours, minutes, seconds): of these only seconds, as
    // microseconds, which is what moments are counted in.
    {"make_interval", 7,
     [](sqlite3_context* context, int, Arguments arguments) {
         if (is_null(arguments[6])) return;
         sqlite3_result_int64(context, std::llround(sqlite3_value_double(arguments[6]) * 1e6));
     }},
    {"greatest", 2,
     [](sqlite3_context* context, int, Arguments arguments) {
         const bool takes_second = is_null(arguments[0]) || is_less(arguments[0], arguments[1]);
         const bool has_second = !is_null(arguments[1]);
         sqlite3_result_value(context, arguments[takes_second && has_second ? 1 : 0]);
     }},
    {"least", 2,
     [](sqlite3_context* context, int, Arguments arguments) {
         const bool takes_second = is_null(arguments[0]) || is_less(arguments[1], arguments[0]);
         const bool has_second = !is_null(arguments[1]);
         sqlite3_result_value(context, arguments[takes_second && has_second ? 1 : 0]);
     }},
    {"power", 2,
     [](sqlite3_context* context, int, Arguments arguments) {
         if (is_null(arguments[0]) || is_null(arguments[1])) return;
         sqlite3_result_double(context, std::pow(sqlite3_value_double(arguments[0]),
                                                 sqlite3_value_double(arguments[1])));
     }},
    {"strpos", 2,
     [](sqlite3_context* context, int, Arguments arguments) {
         if (is_null(arguments[0]) || is_null(arguments[1])) return;
         const auto text = text_of(arguments[0]);
         const auto at = text.find(text_of(arguments[1]));
         const auto position = at == text.npos ? 0 : code_points(text.substr(0, at)) + 1;
         sqlite3_result_int64(context, static_cast<std::int64_t>(position));
     }},
    {"chr", 1,
     [](sqlite3_context* context, int, Arguments arguments) {
         const auto character = static_cast<char>(sqlite3_value_int(arguments[0]));  // ASCII
         answer_text(context, {&character, 1});
     }},
    // split_part(text, separator, number from 1)
    {"split_part", 3,
     [](sqlite3_context* context, int, Arguments arguments) {
         const auto parts = split(text_of(arguments[0]), text_of(arguments[1])[0]);
         const auto number = static_cast<std::size_t>(sqlite3_value_int64(arguments[2]));
         answer_text(context, number <= parts.size() ? parts[number - 1] : "");
     }},
    // The microseconds of a timestamp.
    {"moment", 1,
     [](sqlite3_context* context, int, Arguments arguments) {
         if (is_null(arguments[0])) return;
         if (const auto moment = Timestamp::parse(text_of(arguments[0])))
             sqlite3_result_int64(context, moment->microseconds);
     }},
    {"rfc3339", 1,
     [](sqlite3_context* context, int, Arguments arguments) {
         if (is_null(arguments[0])) return;
         answer_text(context, Timestamp{sqlite3_value_int64(arguments[0])}.text());
     }},
    // Of texts.
    {"to_json", 1,
     [](sqlite3_context* context, int, Arguments arguments) {
         if (is_null(arguments[0])) return;
         std::string json;
         json::Writer{json}.string(text_of(arguments[0]));
         answer_text(context, json);
     }},
    {"entity_tag", 1,
     [](sqlite3_context* context, int, Arguments arguments) {
         answer_text(context, entity_tag(text_of(arguments[0])));
     }},
    // has_parts(text, parts): whether each text of a JSON array occurs in the text.
    {"has_parts", 2,
     [](sqlite3_context* context, int, Arguments arguments) {
         const auto* parts = static_cast<const Parts*>(sqlite3_get_auxdata(context, 1));
         if (!parts) {
             auto read = std::make_unique<Parts>(parts_of(text_of(arguments[1])));
             sqlite3_set_auxdata(context, 1, read.release(),
                                 [](void* kept) { delete static_cast<Parts*>(kept); });
             parts = static_cast<const Parts*>(sqlite3_get_auxdata(context, 1));
         }
         const auto text = text_of(arguments[0]);
         const bool has_all =
             parts && std::all_of(parts->begin(), parts->end(),
                                  [&](const auto& part) { return text.find(part) != text.npos; });
         sqlite3_result_int(context, has_all ? 1 : 0);
     }},
    // Fails for a divisor of 0 as PostgreSQL's does.
    {"div", 2,
     [](sqlite3_context* context, int, Arguments arguments) {
         const auto divisor = sqlite3_value_int64(arguments[1]);
         if (divisor != 0)
             return sqlite3_result_int64(context, sqlite3_value_int64(arguments[0]) / divisor);
         sqlite3_result_error(context, "division by zero", -1);
         sqlite3_result_error_code(context, SQLITE_CONSTRAINT_COMMITHOOK);
     }},
    // Fails for 0 as PostgreSQL's does; SQLite's own function, where it exists, returns null.
    {"ln", 1,
     [](sqlite3_context* context, int, Arguments arguments) {
         if (is_null(arguments[0])) return;
         const auto value = sqlite3_value_double(arguments[0]);
         if (value > 0) return sqlite3_result_double(context, std::log(value));
         sqlite3_result_error(context, "cannot take logarithm of zero", -1);
         sqlite3_result_error_code(context, SQLITE_CONSTRAINT_FUNCTION);
     }},
    // Fails for -1 in the same way.
    {"sqrt", 1,
     [](sqlite3_context* context, int, Arguments arguments) {
         if (is_null(arguments[0])) return;
         const auto value = sqlite3_value_double(arguments[0]);
         if (value >= 0) return sqlite3_result_double(context, std::sqrt(value));
         sqlite3_result_error(context, "cannot take square root of a negative number", -1);
         sqlite3_result_error_code(context, SQLITE_CONSTRAINT_VTAB);
     }},
};

}  // namespace

void add_sqlite_functions(sqlite3* connection, Timestamp* transaction_time) {
    for (const auto& function : sqlite_functions)
        if (sqlite3_create_function(connection, function.name, function.arguments, SQLITE_UTF8,
                                    transaction_time, function.call, nullptr, nullptr) != SQLITE_OK)
            throw DbError{sqlstate::internal_error, sqlite3_errmsg(connection)};
}
