// Deletes old events, and jobs that have ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>

#include "cli/arguments.hpp"
#include "shared/config/config.hpp"

// The age beyond which rows of a kind are deleted. A kind without a value is kept.
struct Ages {
    std::optional<std::chrono::seconds> events;
    std::optional<std::chrono::seconds>
        jobs;  // since a job has completed, failed or been cancelled
};

// Takes --events-older-than 7d (or s, m, h; from 1 s to 36,500 d), and the same for
// --jobs-older-than. Without them it is EVENTS_KEEP and JOBS_KEEP. Throws UsageError.
Ages take_ages(Arguments& arguments);
Ages ages_of(const Config& config);

// How many rows were deleted; nullopt for a kind that is kept.
struct Pruned {
    std::optional<std::int64_t> events;
    std::optional<std::int64_t> jobs;
    std::int64_t request_keys = 0;
};

// Deletes in transactions of 1,000 rows, and pauses after each for as long as it took. Expired keys
// of requests are always deleted. It may be interrupted and repeated at any time. Throws DbError.
Pruned prune(const Config& config, const Ages& ages);

// Prints a line for each kind that is not kept; keys are named if there were some, or nothing else.
void print(const Pruned& pruned, std::ostream& out);

// Does the same for the log, at `info`, or at `debug` if there was nothing to delete.
void log(const Pruned& pruned);
