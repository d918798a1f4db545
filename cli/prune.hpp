// Deletes old events, and jobs that have ended.
#pragma once

#include <chrono>
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
// --jobs-older-than. Throws UsageError when there is neither, and for anything else.
Ages take_ages(Arguments& arguments);

// Deletes in transactions of 1,000 rows, and pauses after each for as long as it took. Prints how
// many rows of each kind it has deleted. Expired keys of requests are always deleted. It may be
// interrupted and repeated at any time. Throws DbError.
void prune(const Config& config, const Ages& ages, std::ostream& out);
