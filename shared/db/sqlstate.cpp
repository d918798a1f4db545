#include "shared/db/sqlstate.hpp"

#include <algorithm>
#include <array>

namespace {

struct Mapping {
    std::string_view prefix;  // a state or its first characters
    Error error;
};

// The first match counts. Statements check the constraints that a request may violate; a violation
// that still occurs is an error in this service or its database.
constexpr std::array mappings = {
    Mapping{"22021", Error::validation_error},     // character_not_in_repertoire
    Mapping{"22P05", Error::validation_error},     // untranslatable_character
    Mapping{"22003", Error::validation_error},     // numeric_value_out_of_range
    Mapping{"22001", Error::validation_error},     // string_data_right_truncation
    Mapping{"40001", Error::service_unavailable},  // serialization_failure, also when repeated
    Mapping{"40P01", Error::service_unavailable},  // deadlock_detected
    Mapping{"08", Error::service_unavailable},     // connection exceptions
    Mapping{"57P0", Error::service_unavailable},   // shutting down, crashed, starting up
    Mapping{"57014", Error::service_unavailable},  // query_canceled: the deadline
    Mapping{"53", Error::service_unavailable},     // out of connections, memory or disk
    Mapping{"55P03", Error::service_unavailable},  // sqlstate::lock_not_available
    Mapping{"25006",
            Error::service_unavailable},        // read_only_sql_transaction: a fail-over under way
    Mapping{"58", Error::service_unavailable},  // system_error, io_error
    Mapping{"XX001", Error::service_unavailable},  // data_corrupted
    Mapping{"XX002", Error::service_unavailable},  // index_corrupted
    Mapping{"42P01", Error::service_unavailable},  // undefined_table, as the next two: migrate up
    Mapping{"42703", Error::service_unavailable},  // undefined_column
    Mapping{"42883", Error::service_unavailable},  // undefined_function
    Mapping{"42501",
            Error::service_unavailable},  // sqlstate::insufficient_privilege: a grant is missing
};

}  // namespace

Error error_for_sqlstate(std::string_view sqlstate) {
    const auto found = std::find_if(mappings.begin(), mappings.end(), [&](const Mapping& mapping) {
        return sqlstate.starts_with(mapping.prefix);
    });
    return found == mappings.end() ? Error::internal_error : found->error;
}

std::string_view remedy_for_sqlstate(std::string_view sqlstate) {
    const bool is_schema_missing = sqlstate == sqlstate::undefined_table ||
                                   sqlstate == sqlstate::undefined_column ||
                                   sqlstate == sqlstate::undefined_function;
    return is_schema_missing
               ? ": the schema is not the one of this release, run `steelthread migrate up`"
               : "";
}

bool is_serialization_failure(std::string_view sqlstate) {
    return sqlstate == sqlstate::serialization_failure || sqlstate == sqlstate::deadlock_detected;
}

bool is_connection_failure(std::string_view sqlstate) {
    return sqlstate.starts_with("08") || sqlstate.starts_with("57P0");
}

bool is_stale_statement(std::string_view sqlstate) {
    return sqlstate == sqlstate::unknown_statement_name ||
           sqlstate == sqlstate::feature_not_supported;
}
