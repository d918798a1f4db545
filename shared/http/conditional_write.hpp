// Writes that depend on If-Match and If-None-Match.
#pragma once

#include <memory>

#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/http/conditional.hpp"

// Runs a write whose last statement compares the row with `condition`, and gives that statement's
// rows. Where it has none it throws ApiError: not_found or, where the query named …_exists finds
// the resource, what the condition says. One round trip.
Async<std::unique_ptr<db::Rows>> conditional_write(Database& database, WriteCondition condition,
                                                   db::Batch write, db::Batch exists);
