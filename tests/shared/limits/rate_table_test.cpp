#include "shared/limits/rate_table.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/shared/limits/limit_cases.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/folder.hpp"

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr Rate ten_a_minute{10, 60s};
constexpr std::int64_t noon_ms = 43'200'000;
constexpr const char* file_name = "rate_limits";

int allowed_of(RateTable& table, const std::string& key, int attempts, std::int64_t now_ms,
               const Rate& rate = ten_a_minute) {
    int allowed = 0;
    for (int i = 0; i < attempts; ++i) allowed += table.take(key, rate, now_ms).allowed ? 1 : 0;
    return allowed;
}

// Returns why a file is refused, without its path.
std::string fault_of(const std::string& path) {
    try {
        const RateTable table{path};
    } catch (const std::exception& error) {
        return std::string{error.what()}.substr(path.size());
    }
    return "";
}

constexpr const char* no_table = ": not a private table of this version: remove it";

// The mapped file: a header of 64 bytes, then buckets of eight words.
class Words {
public:
    explicit Words(const std::string& path) {
        const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
        count_ = fs::file_size(path) / sizeof(std::uint64_t);
        void* const memory = mmap(nullptr, count_ * sizeof(std::uint64_t), PROT_READ | PROT_WRITE,
                                  MAP_SHARED, fd, 0);
        close(fd);
        cr_assert(memory != MAP_FAILED);
        words_ = static_cast<std::uint64_t*>(memory);
    }
    ~Words() { munmap(words_, count_ * sizeof(std::uint64_t)); }
    Words(const Words&) = delete;
    Words& operator=(const Words&) = delete;

    // The first bucket that is not empty.
    std::uint64_t* used_bucket() const {
        std::size_t at = 8;
        while (words_[at] == 0) ++at;
        return words_ + at / 8 * 8;
    }

private:
    std::uint64_t* words_ = nullptr;
    std::size_t count_ = 0;
};

// Returns keys that share a bucket. Counting such a key changes the bytes of the bucket.
std::vector<std::string> keys_of_one_bucket(const std::string& path, std::size_t count) {
    RateTable table{path};
    const Words words{path};
    std::vector<std::string> keys{"first"};
    table.take(keys[0], {1, 1s}, 1);
    const auto* const bucket = words.used_bucket();
    for (int i = 0; keys.size() < count; ++i) {
        const std::vector<std::uint64_t> before{bucket, bucket + 8};
        keys.push_back("key " + std::to_string(i));
        // The times are so far apart that only the newest entry is still valid.
        table.take(keys.back(), {1, 1s}, 10'000 + i * 2000LL);
        if (std::equal(before.begin(), before.end(), bucket)) keys.pop_back();
    }
    return keys;
}

// What the racing processes share in addition to the table.
struct Race {
    std::atomic<int> ready;
    std::atomic<bool> has_begun;
    std::atomic<int> ended;        // rounds, over all processes
    std::atomic<int> allowed[64];  // by key
};

Race& shared_race() {
    void* memory =
        mmap(nullptr, sizeof(Race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert(memory != MAP_FAILED);
    return *new (memory) Race{};
}

// Starts a process that maps the table itself, and ends it with _exit.
template <class Work>
pid_t start_process(const std::string& path, Race& race, Work work) {
    const pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid != 0) return pid;
    RateTable table{path};
    ++race.ready;
    while (!race.has_begun) sched_yield();
    work(table);
    _exit(0);
}

void wait_for(const std::vector<pid_t>& pids) {
    for (const pid_t pid : pids) {
        int status = 0;
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
    }
}

void begin(Race& race, int processes) {
    wait_until("all processes are ready", [&] { return race.ready == processes; });
    race.has_begun = true;
}

}  // namespace

Test(rate_table, decides_as_every_limiter) {
    const Folder folder;
    RateTable table{folder.path(file_name)};
    auto now_ms = noon_ms;
    for (const auto& [later_ms, decision] : limit_cases) {
        now_ms += later_ms;
        EXPECT_TEXT(text_of(table.take("ann", ten_a_minute, now_ms)), decision);
    }
}

Test(rate_table, is_exact_to_the_millisecond) {
    const Folder folder;
    RateTable table{folder.path(file_name)};
    cr_assert_eq(allowed_of(table, "ann", 20, noon_ms), 10);
    const auto take = [&](std::int64_t after_ms) {
        return text_of(table.take("ann", ten_a_minute, noon_ms + after_ms));
    };
    EXPECT_TEXT(take(1), "refused 0 of 10, all in 60 s, one in 6 s");
    EXPECT_TEXT(take(5'999), "refused 0 of 10, all in 55 s, one in 1 s");
    EXPECT_TEXT(take(6'000), "allowed 0 of 10, all in 60 s, one in 0 s");
    EXPECT_TEXT(take(6'000), "refused 0 of 10, all in 60 s, one in 6 s");
    cr_expect_eq(allowed_of(table, "ann", 20, noon_ms + 3'600'000), 10);
}

Test(rate_table, takes_permits_back) {
    const Folder folder;
    RateTable table{folder.path(file_name)};
    table.give_back("ann", ten_a_minute, noon_ms);
    cr_assert_eq(allowed_of(table, "ann", 20, noon_ms), 10);
    for (int i = 0; i < 3; ++i) table.give_back("ann", ten_a_minute, noon_ms + 10);
    cr_expect_eq(allowed_of(table, "ann", 20, noon_ms + 10), 3);
    // No key ever has more than all of them.
    for (int i = 0; i < 15; ++i) table.give_back("ann", ten_a_minute, noon_ms + 20);
    cr_expect_eq(allowed_of(table, "ann", 20, noon_ms + 20), 10);
}

Test(rate_table, counts_each_key_alone) {
    const Folder folder;
    RateTable table{folder.path(file_name)};
    cr_expect_eq(allowed_of(table, "email:ann", 12, noon_ms), 10);
    cr_expect_eq(allowed_of(table, "email:bob", 12, noon_ms), 10);
    cr_expect_eq(allowed_of(table, "address:ann", 12, noon_ms), 10);
    cr_expect_eq(allowed_of(table, "", 12, noon_ms), 10);
}

Test(rate_table, is_exact_for_odd_rates) {
    std::vector<Rate> rates{{1, 1s}, {7, 60s}, {600, 1s}, {1000, 1s}};
    rates.insert(rates.end(), std::begin(odd_rates), std::end(odd_rates));
    const Folder folder;
    RateTable table{folder.path(file_name)};
    for (const auto& rate : rates) {
        const auto key = std::to_string(rate.limit) + "/" + std::to_string(rate.window.count());
        const auto limit = static_cast<int>(rate.limit);
        cr_expect_eq(allowed_of(table, key, limit + 5, noon_ms, rate), limit, "%s", key.c_str());
    }
}

Test(rate_table, is_one_table_however_often_it_is_opened) {
    const Folder folder;
    RateTable one{folder.path(file_name)};
    RateTable other{folder.path(file_name)};
    cr_expect_eq(allowed_of(one, "ann", 4, noon_ms), 4);
    cr_expect_eq(allowed_of(other, "ann", 20, noon_ms), 6);
    cr_expect_eq(allowed_of(one, "ann", 1, noon_ms), 0);
}

// These keys fill a tenth of all buckets.
Test(rate_table, keeps_thousands_of_keys_apart) {
    const Folder folder;
    RateTable table{folder.path(file_name)};
    constexpr int count = 4'000;
    const auto key = [](int i) { return "key " + std::to_string(i); };
    for (int round = 0; round < 3; ++round)
        for (int i = 0; i < count; ++i)
            cr_assert(table.take(key(i), {3, 60s}, noon_ms).allowed, "%d %d", round, i);
    for (int i = 0; i < count; ++i)
        cr_assert_not(table.take(key(i), {3, 60s}, noon_ms).allowed, "%d", i);
    for (int i = 0; i < count; ++i)
        cr_assert(table.take(key(i), {3, 60s}, noon_ms + 20'000).allowed, "%d", i);
}

// Three times as many keys as fit. The exhausted one expires last.
Test(rate_table, a_full_table_forgets_those_first_that_end_first) {
    const Folder folder;
    RateTable table{folder.path(file_name)};
    cr_assert_eq(allowed_of(table, "used up", 20, noon_ms), 10);
    for (int i = 0; i < 200'000; ++i) table.take("key " + std::to_string(i), ten_a_minute, noon_ms);
    cr_expect_eq(allowed_of(table, "used up", 1, noon_ms), 0);
    cr_expect_eq(allowed_of(table, "newcomer", 20, noon_ms), 10);
}

// Such entries come from an earlier boot, or from before the rate was changed.
Test(rate_table, a_moment_too_far_ahead_counts_for_nothing) {
    const Folder folder;
    RateTable table{folder.path(file_name)};
    cr_assert_eq(allowed_of(table, "ann", 20, noon_ms), 10);
    cr_expect_eq(allowed_of(table, "ann", 20, noon_ms - 59'000), 0);
    cr_expect_eq(allowed_of(table, "ann", 20, 1'000), 10);
    cr_assert_eq(allowed_of(table, "bob", 20, noon_ms, {10, 3600s}), 10);
    cr_expect_eq(allowed_of(table, "bob", 20, noon_ms), 10);
}

// A process that is killed while it copies an entry leaves such a pair.
Test(rate_table, of_two_entries_of_a_key_the_later_one_counts) {
    const Folder folder;
    RateTable table{folder.path(file_name)};
    const Words words{folder.path(file_name)};
    table.take("ann", ten_a_minute, noon_ms);
    auto* const bucket = words.used_bucket();
    const auto old = bucket[0];
    cr_assert_eq(allowed_of(table, "ann", 4, noon_ms), 4);
    const auto fresh = bucket[0];
    const std::pair<std::uint64_t, std::uint64_t> cases[] = {{old, fresh}, {fresh, old}};
    for (const auto& [entrance, other] : cases)
        for (int at = 1; at < 8; ++at) {
            std::fill(bucket, bucket + 8, 0);
            bucket[0] = entrance;
            bucket[at] = other;
            cr_expect_eq(allowed_of(table, "ann", 20, noon_ms), 5, "%d", at);
        }
}

Test(rate_table, makes_its_folder_and_a_file_for_its_user_alone) {
    const Folder folder;
    const auto path = folder.path(file_name) + "/deeper/rate_limits";
    umask(0);
    const RateTable table{path};
    struct stat status {};
    cr_assert_eq(stat(path.c_str(), &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0600u);
    // The blocks are allocated in advance. Otherwise a full disk could kill a process that counts.
    cr_expect_geq(status.st_blocks * 512, status.st_size);
    // The folder also contains its mark.
    cr_expect_eq(std::distance(fs::directory_iterator{fs::path{path}.parent_path()}, {}), 2);
}

Test(rate_table, refuses_what_is_no_table) {
    const Folder folder;
    const auto path = folder.path(file_name);
    { const RateTable table{path}; }
    const auto size = fs::file_size(path);
    fs::resize_file(path, size - 1);
    EXPECT_TEXT(fault_of(path), no_table);
    fs::resize_file(path, size);
    EXPECT_TEXT(fault_of(path), "");
    std::fstream{path, std::ios::in | std::ios::out | std::ios::binary} << "rate limits v2";
    EXPECT_TEXT(fault_of(path), no_table);
    std::ofstream{path} << "";
    EXPECT_TEXT(fault_of(path), no_table);

    fs::remove(path);
    { const RateTable table{path}; }
    fs::permissions(path, fs::perms::owner_all | fs::perms::others_write);
    EXPECT_TEXT(fault_of(path), no_table);
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    fs::rename(path, path + "_elsewhere");
    fs::create_symlink(path + "_elsewhere", path);
    EXPECT_TEXT(fault_of(path), ": Too many levels of symbolic links");
    fs::remove(path);
    cr_assert_eq(mkfifo(path.c_str(), 0600), 0);
    EXPECT_TEXT(fault_of(path), no_table);
    fs::remove(path);
    fs::create_directory(path);
    EXPECT_TEXT(fault_of(path), ": Is a directory");
    cr_expect(!fault_of("/dev/null/rate_limits").empty());
    cr_expect(!fault_of("/proc/rate_limits").empty());
}

// All processes count the same keys at once, in a table that does not contain any of them yet.
Test(rate_table, racing_processes_get_the_limit_and_no_more, .timeout = 100) {
    constexpr int processes = 8;
    constexpr int keys = 64;
    for (int round = 0; round < 8; ++round) {
        const Folder folder;
        auto& race = shared_race();
        std::vector<pid_t> pids;
        for (int i = 0; i < processes; ++i)
            pids.push_back(start_process(folder.path(file_name), race, [&](RateTable& table) {
                for (int key = 0; key < keys; ++key)
                    race.allowed[key] += allowed_of(table, std::to_string(key), 20, noon_ms);
            }));
        begin(race, processes);
        wait_for(pids);
        for (int key = 0; key < keys; ++key)
            cr_assert_eq(race.allowed[key].load(), 10, "key %d of round %d: %d", key, round,
                         race.allowed[key].load());
    }
}

// New keys displace others while these are counted. All of them fit, so none is forgotten.
Test(rate_table, racing_processes_get_the_limit_where_keys_share_a_bucket, .timeout = 100) {
    constexpr int processes = 4;
    constexpr int rounds = 400;
    const Folder folder;
    const auto keys = keys_of_one_bucket(folder.path(file_name), 5);
    auto& race = shared_race();
    std::vector<pid_t> pids;
    for (int i = 0; i < processes; ++i)
        pids.push_back(start_process(folder.path(file_name), race, [&, i](RateTable& table) {
            for (int round = 0; round < rounds; ++round) {
                // No entry of the previous round is still valid.
                const auto now_ms = noon_ms + (round + 100) * 3'600'000LL;
                for (int turn = 0; turn < 60; ++turn) {
                    const auto key = static_cast<std::size_t>(turn * (i + 1) + round) % 5;
                    race.allowed[key] += table.take(keys[key], ten_a_minute, now_ms).allowed;
                }
                const int ended = ++race.ended;
                while (race.ended < (ended + processes - 1) / processes * processes) sched_yield();
            }
        }));
    begin(race, processes);
    wait_for(pids);
    for (int key = 0; key < 5; ++key)
        cr_expect_eq(race.allowed[key].load(), 10 * rounds, "key %d: %d", key,
                     race.allowed[key].load());
}

Test(rate_table, a_process_that_is_killed_leaves_nothing_locked, .timeout = 100) {
    const Folder folder;
    for (int round = 0; round < 8; ++round) {
        auto& race = shared_race();
        const auto started_ms = noon_ms + round * 3'600'000;
        std::vector<pid_t> pids;
        for (int i = 0; i < 4; ++i)
            pids.push_back(start_process(folder.path(file_name), race, [&](RateTable& table) {
                for (int turn = 0;; ++turn) {
                    table.take("churn " + std::to_string(turn % 30'000), ten_a_minute, started_ms);
                    ++race.allowed[0];
                }
            }));
        begin(race, 4);
        const int before = race.allowed[0];
        wait_until("all are at work", [&] { return race.allowed[0] > before + 1000; });
        for (const pid_t pid : pids) kill(pid, SIGKILL);
        for (const pid_t pid : pids) cr_assert_eq(waitpid(pid, nullptr, 0), pid);
        RateTable table{folder.path(file_name)};
        const auto key = "survivor " + std::to_string(round);
        cr_assert_eq(allowed_of(table, key, 20, started_ms), 10);
        for (int i = 0; i < 1000; ++i)
            cr_assert_leq(allowed_of(table, "churn " + std::to_string(i), 11, started_ms), 10);
    }
}

Test(rate_table, its_clock_goes_on) {
    const auto before = boot_time_ms();
    wait_until("a millisecond passes", [&] { return boot_time_ms() > before; });
}
