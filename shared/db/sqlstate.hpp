// The table that maps SQLSTATE to errors for clients.
#pragma once

#include <string_view>

#include "shared/error.hpp"

// The client's error for a failed statement; internal_error for any state not in the table.
Error error_for_sqlstate(std::string_view sqlstate);

// The advice that the log adds to the reason of a failed statement; empty if there is none.
std::string_view remedy_for_sqlstate(std::string_view sqlstate);

// The row that a foreign key refers to does not exist.
inline constexpr std::string_view foreign_key_violation = "23503";

// The server does not accept writes (any more): a stand-by, or one that was made read-only.
inline constexpr std::string_view read_only_transaction = "25006";

// The server has closed an idle session, before it read a further statement.
inline constexpr std::string_view idle_session_timeout = "57P05";

// The role lacks a grant.
inline constexpr std::string_view insufficient_privilege = "42501";

// invalid_argument_for_logarithm: a statement has computed ln(0).
inline constexpr std::string_view logarithm_of_zero = "2201E";

// 40001 and 40P01: certainly rolled back, so one repetition is worthwhile.
bool is_serialization_failure(std::string_view sqlstate);

// The connection was lost or the server refuses work: the statement may or may not have run.
bool is_connection_failure(std::string_view sqlstate);
