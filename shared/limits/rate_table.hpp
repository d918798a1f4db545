// What the limiter "memory://" counts in: a table in a file that all processes of a RUN_DIR map.
//
// The file holds a header with a random key, and buckets of eight 64-bit words. A word is an entry:
// 24 bits that tell keys of its bucket apart, and 40 bits of the moment at which that key is paid
// off, in milliseconds of CLOCK_BOOTTIME, which nobody can set. A word whose moment is past is
// free. Buckets and bits come from SHA-256 over the secret and the key, so nobody outside can aim
// at the entry of somebody else; two keys of one bucket share a limit once in 16 million.
//
// Every step is one compare-and-swap, and nothing is ever locked: a process that is killed between
// two steps leaves a table that is whole.
//  - A key that has an entry, free or not, is counted there. Where it has two, the later one
//  counts.
//  - A key without one comes in through the first word of its bucket alone, the entrance. Whoever
//    stands there is first copied to another word, and then replaced. A second process that found
//    no entry either finds the entrance changed, and looks again: one key never gets two counts.
//  - An entry only leaves the entrance for a place where it is already. A search reads the entrance
//    first, so it cannot miss one that moves.
//  - A bucket that is full loses the entry that ends first: the one that holds back the least.
//
// A moment that is further ahead than a quota allows, and a minute more, is of an earlier boot or
// of another quota: it counts for nothing. The supervisor starts with a new file; a file of another
// size or version is refused, never mended, for others may be using it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/limits/rate_limit.hpp"

// Its name in RUN_DIR.
inline constexpr const char* rate_table_file = "rate_limits";

class RateTable {
public:
    // Maps the file, which is made (mode 0600) with its folder where there is none. Throws
    // std::runtime_error when it cannot be, or when it is not a table of this version, of this
    // user, and closed to all others.
    explicit RateTable(const std::string& path);
    ~RateTable();
    RateTable(const RateTable&) = delete;
    RateTable& operator=(const RateTable&) = delete;

    // Takes one permit of a key at a moment of CLOCK_BOOTTIME.
    Decision take(std::string_view key, const Quota& quota, std::int64_t now_ms);

private:
    struct Place;
    Place place_of(std::string_view key) const;

    void* memory_;
};

// The present moment of CLOCK_BOOTTIME.
std::int64_t boot_time_ms();
