// The store of the limiter "memory://": a table in a file that all processes of a RUN_DIR map.
//
// The file consists of a header with a random secret, and of buckets of eight 64-bit words. A word
// is an entry: 24 bits distinguish the keys of its bucket, and 40 bits are the moment at which that
// key is paid off, in milliseconds of CLOCK_BOOTTIME, which cannot be set. A word whose moment has
// passed is free. Buckets and bits come from SHA-256 over the secret and the key, so a client
// cannot aim at the entry of another one; two keys of a bucket share a limit once in 16 million.
//
// Every step is one compare-and-swap without locks: a process that is killed between two steps
// leaves a consistent table.
//  - A key that has an entry, free or not, is counted there. If it has two, the later one counts.
//  - A key without an entry enters through the first word of its bucket only, the entrance. The
//    entry there is first copied to another word, and then replaced. A second process that found
//    no entry either finds the entrance changed, and looks again: one key never gets two counts.
//  - An entry moves out of the entrance only after it was copied. A search reads the entrance
//    first, so it cannot miss an entry that moves.
//  - A full bucket loses the entry that ends first, which is the one that restricts its key least.
//
// A moment that is further ahead than a rate allows, plus a minute, comes from an earlier boot or
// from another rate and is ignored. The supervisor starts with a new file; a file of another size
// or version is refused, never repaired, because other processes may be using it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/limits/rate_limit.hpp"

// The name of the file in RUN_DIR.
inline constexpr const char* rate_table_file = "rate_limits";

class RateTable {
public:
    // Maps the file; creates it (mode 0600), with its folder, if it does not exist. Throws
    // std::runtime_error if that fails, or if the file is not a table of this version that belongs
    // to this user and is closed to all others.
    explicit RateTable(const std::string& path);
    ~RateTable();
    RateTable(const RateTable&) = delete;
    RateTable& operator=(const RateTable&) = delete;

    // Takes one permit for a key at a moment of CLOCK_BOOTTIME.
    Decision take(std::string_view key, const Rate& rate, std::int64_t now_ms);

    // Gives back a permit of a key. Does nothing if all its permits are available already.
    void give_back(std::string_view key, const Rate& rate, std::int64_t now_ms);

private:
    struct Place;
    Place place_of(std::string_view key) const;

    void* memory_;
};

// The current time of CLOCK_BOOTTIME.
std::int64_t boot_time_ms();
