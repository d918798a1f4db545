// The one table from SQLSTATE to what a client is told.
#pragma once

#include <string_view>

#include "shared/error.hpp"

// The error a client sees for a failed statement; internal_error for any state not in the table.
Error error_for_sqlstate(std::string_view sqlstate);

// What the log adds to the reason of a failed statement: what to do about it, or nothing.
std::string_view remedy_for_sqlstate(std::string_view sqlstate);

// A row that another one refers to is not there.
inline constexpr std::string_view foreign_key_violation = "23503";

// The server takes no writes (any more): a stand-by, or one that somebody has made read-only.
inline constexpr std::string_view read_only_transaction = "25006";

// The role lacks a grant.
inline constexpr std::string_view insufficient_privilege = "42501";

// Of require_account (sql/queries/users.sql) without an account: invalid_argument_for_logarithm.
// No other statement takes a logarithm.
inline constexpr std::string_view account_missing = "2201E";

// 40001 and 40P01: rolled back for sure, worth one repetition.
bool is_serialization_failure(std::string_view sqlstate);

// The connection is gone or the server refuses work: the statement may or may not have run.
bool is_connection_failure(std::string_view sqlstate);
