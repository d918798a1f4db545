// Deletes what is no longer wanted: events that everybody has read, and jobs that have ended.
#pragma once

#include <chrono>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>

#include "shared/config/config.hpp"

// What is deleted: older than this. Nothing of a kind that has no value.
struct Ages {
    std::optional<std::chrono::seconds> events;
    std::optional<std::chrono::seconds>
        jobs;  // that are completed, failed or cancelled, since then
};

// The words behind `prune`: --events-older-than 7d (or s, m, h; from 1 s to 36,500 d), and the same
// for --jobs-older-than. Nullopt when
// there are none, when one occurs twice and for anything else.
std::optional<Ages> parse_ages(std::span<const std::string> words);

// Deletes in transactions of 1,000 rows, and leaves others as much time between them as each took.
// Prints how many rows of each kind are gone. May be ended and repeated at any time. Throws
// DbError.
void prune(const Config& config, const Ages& ages, std::ostream& out);
