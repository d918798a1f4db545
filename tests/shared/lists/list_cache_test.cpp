#include "shared/lists/list_cache.hpp"

#include <criterion/criterion.h>
#include <malloc.h>

#include "tests/support/expect.hpp"

namespace {

constexpr std::size_t mib = 1 << 20;

KeptList list_of(const std::string& revision, std::size_t bytes) {
    return {revision, std::string(bytes, 'x'), "{}"};
}

std::string revision_at(ListCache& cache, const std::string& key) {
    const auto found = cache.find(key);
    return found ? found->revision : "none";
}

}  // namespace

Test(list_cache, keeps_the_newest_of_a_key) {
    ListCache cache;
    EXPECT_TEXT(revision_at(cache, "a"), "none");
    cache.keep("a", list_of("1", 10), mib);
    const auto before = cache.bytes();
    cache.keep("a", list_of("2", 10), mib);
    EXPECT_TEXT(revision_at(cache, "a"), "2");
    cr_expect_eq(cache.bytes(), before);
    EXPECT_TEXT(revision_at(cache, "b"), "none");
}

Test(list_cache, drops_what_was_not_used_for_longest) {
    ListCache cache;
    const auto most = 8 * 1100;
    for (const char* key : {"a", "b", "c", "d", "e", "f", "g", "h"})
        cache.keep(key, list_of(key, 690), most);
    EXPECT_TEXT(revision_at(cache, "b"), "b");
    EXPECT_TEXT(revision_at(cache, "c"), "c");
    EXPECT_TEXT(revision_at(cache, "a"), "a");
    cache.keep("i", list_of("i", 690), most);
    EXPECT_TEXT(revision_at(cache, "d"), "none");
    EXPECT_TEXT(revision_at(cache, "a"), "a");
    EXPECT_TEXT(revision_at(cache, "e"), "e");
    EXPECT_TEXT(revision_at(cache, "i"), "i");
}

Test(list_cache, keeps_no_list_that_takes_an_eighth) {
    ListCache cache;
    cache.keep("a", list_of("1", 100), mib);
    cache.keep("a", list_of("2", mib / 8), mib);
    EXPECT_TEXT(revision_at(cache, "a"), "none");
    cr_expect_eq(cache.bytes(), 0u);
    cache.keep("a", list_of("1", 1), 0);
    EXPECT_TEXT(revision_at(cache, "a"), "none");
}

Test(list_cache, a_list_in_use_outlives_its_place) {
    ListCache cache;
    cache.keep("a", list_of("1", 100'000), mib);
    const auto used = cache.find("a");
    for (int i = 0; i < 100; ++i) cache.keep(std::to_string(i), list_of("2", 100'000), mib);
    EXPECT_TEXT(revision_at(cache, "a"), "none");
    EXPECT_TEXT(used->items, std::string(100'000, 'x'));
}

// The count includes what the containers take.
Test(list_cache, stays_within_its_memory_with_10000_users) {
    constexpr std::size_t most = 4 * mib;
    for (const std::size_t bytes : std::initializer_list<std::size_t>{2, 300, 27'000}) {
        const auto before = mallinfo2().uordblks;
        ListCache cache;
        for (int user = 0; user < 10'000; ++user)
            cache.keep("0123456789abcdef11111111-2222-4333-8444-" + std::to_string(user),
                       list_of("1234567890.12345-12345", bytes), most);
        cr_expect_leq(cache.bytes(), most);
        const auto taken = mallinfo2().uordblks - before;
        cr_expect_leq(taken, most + most / 16, "%zu bytes each: %zu", bytes, taken);
    }
}
