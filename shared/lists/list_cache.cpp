#include "shared/lists/list_cache.hpp"

#include <utility>

std::shared_ptr<const KeptList> ListCache::find(const std::string& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    auto& entry = found->second;
    auto place = order_.extract(entry.used);
    entry.used = place.key() = ++last_use_;
    order_.insert(std::move(place));
    return entry.list;
}

void ListCache::keep(const std::string& key, KeptList list, std::size_t max_bytes) {
    drop(key);
    const auto size = bytes_of(key, list);
    if (size > max_bytes / 8) return;
    while (bytes_ + size > max_bytes) drop(std::string{order_.begin()->second});
    entries_[key] = {std::make_shared<const KeptList>(std::move(list)), ++last_use_};
    order_.emplace(last_use_, key);
    bytes_ += size;
}

// What it takes on the heap: each key is stored twice, and two nodes and the list have some 400
// bytes.
std::size_t ListCache::bytes_of(const std::string& key, const KeptList& list) {
    return 2 * key.size() + list.revision.size() + list.items.size() + list.pagination.size() + 400;
}

void ListCache::drop(const std::string& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    bytes_ -= bytes_of(key, *found->second.list);
    order_.erase(found->second.used);
    entries_.erase(found);
}
