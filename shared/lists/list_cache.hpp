// The lists that a process has sent last, each under its revision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

// A page as it was read under a settled revision, which is the page wherever that revision is read
// again.
struct KeptList {
    std::string revision;
    std::string items;       // canonical JSON
    std::string pagination;  // canonical JSON
};

// Keeps the lists that were used last.
class ListCache {
public:
    // Null if there is none. Whoever holds the list keeps it when the cache drops it.
    std::shared_ptr<const KeptList> find(const std::string& key);

    // Replaces the list of this key, and drops those that were not used for longest until all take
    // at most `max_bytes`. A list of more than an eighth of that is not kept.
    void keep(const std::string& key, KeptList list, std::size_t max_bytes);

    std::size_t bytes() const { return bytes_; }

private:
    struct Entry {
        std::shared_ptr<const KeptList> list;
        std::uint64_t used = 0;  // its place in order_
    };

    static std::size_t bytes_of(const std::string& key, const KeptList& list);
    void drop(const std::string& key);

    std::unordered_map<std::string, Entry> entries_;
    std::map<std::uint64_t, std::string> order_;  // keys, the one that was used last at the end
    std::uint64_t last_use_ = 0;
    std::size_t bytes_ = 0;
};
