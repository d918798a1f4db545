// Folds the texts of tasks that another program, such as an earlier release, has written
// (docs/adr/0015-folded-texts.md).
#pragma once

#include <cstdint>

#include "shared/config/config.hpp"
#include "shared/db/blocking_connection.hpp"

// How many tasks are to be folded. Changes nothing, not even a SQLite file.
std::int64_t count_tasks_to_fold(BlockingConnection& connection);

// Folds all of them, a thousand in a transaction, with pauses that leave half of the time to
// others. With `are_served`, lists in the order of folded texts are served already, so each task
// leaves the event task.updated. Can be interrupted and repeated. Returns how many tasks it has
// read. Throws std::runtime_error.
std::int64_t fold_tasks(const Config& config, bool are_served);
