// The table that maps SQLSTATE to errors for clients.
#pragma once

#include <string_view>

#include "shared/error.hpp"

// The client's error for a failed statement; internal_error for any state not in the table.
Error error_for_sqlstate(std::string_view sqlstate);

// The advice that the log adds to the reason of a failed statement; empty if there is none.
std::string_view remedy_for_sqlstate(std::string_view sqlstate);

// States that the code tests or throws, by PostgreSQL's names.
namespace sqlstate {
inline constexpr std::string_view unable_to_connect = "08001";
inline constexpr std::string_view connection_failure = "08006";
inline constexpr std::string_view feature_not_supported = "0A000";
inline constexpr std::string_view string_data_right_truncation = "22001";
inline constexpr std::string_view division_by_zero = "22012";
// A statement has computed ln(0).
inline constexpr std::string_view logarithm_of_zero = "2201E";
// A statement has computed sqrt(-1).
inline constexpr std::string_view square_root_of_negative = "2201F";
inline constexpr std::string_view not_null_violation = "23502";
inline constexpr std::string_view foreign_key_violation = "23503";
inline constexpr std::string_view unique_violation = "23505";
inline constexpr std::string_view check_violation = "23514";
// The server does not accept writes (any more): a stand-by, or one that was made read-only.
inline constexpr std::string_view read_only_transaction = "25006";
inline constexpr std::string_view unknown_statement_name = "26000";
inline constexpr std::string_view serialization_failure = "40001";
inline constexpr std::string_view deadlock_detected = "40P01";
// The role lacks a grant.
inline constexpr std::string_view insufficient_privilege = "42501";
inline constexpr std::string_view undefined_column = "42703";
inline constexpr std::string_view undefined_function = "42883";
inline constexpr std::string_view undefined_table = "42P01";
inline constexpr std::string_view disk_full = "53100";
inline constexpr std::string_view out_of_memory = "53200";
inline constexpr std::string_view lock_not_available = "55P03";
// The deadline.
inline constexpr std::string_view query_canceled = "57014";
// The service, or the server, is stopping.
inline constexpr std::string_view admin_shutdown = "57P01";
// The server has closed an idle session, before it read a further statement.
inline constexpr std::string_view idle_session_timeout = "57P05";
inline constexpr std::string_view io_error = "58030";
inline constexpr std::string_view internal_error = "XX000";
inline constexpr std::string_view data_corrupted = "XX001";
}  // namespace sqlstate

// 40001 and 40P01: certainly rolled back, so one repetition is worthwhile.
bool is_serialization_failure(std::string_view sqlstate);

// The server does not know a prepared statement (any more), or its plan no longer fits the schema.
// The batch had no effect.
bool is_stale_statement(std::string_view sqlstate);

// The connection was lost or the server refuses work: the statement may or may not have run.
bool is_connection_failure(std::string_view sqlstate);
