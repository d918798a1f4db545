#include "shared/limits/rate_table.hpp"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <stdexcept>

#include "shared/digest.hpp"
#include "shared/own_file.hpp"
#include "shared/run_dir.hpp"

namespace {

using Word = std::uint64_t;
static_assert(std::atomic_ref<Word>::is_always_lock_free);

constexpr std::size_t bucket_words = 8;
constexpr std::size_t bucket_count = 8192;
constexpr int moment_bits = 40;
constexpr Word moment_mask = (Word{1} << moment_bits) - 1;

struct Header {
    std::array<char, 16> version;
    std::array<unsigned char, 32> secret;
    std::array<unsigned char, 16> padding;
};

using Bucket = std::array<Word, bucket_words>;  // one cache line

struct File {
    Header header;
    std::array<Bucket, bucket_count> buckets;
};
static_assert(sizeof(Header) == 64 && sizeof(File) == 64 + 64 * bucket_count);

// Another layout must have another version, and then uses another file.
constexpr std::array<char, 16> version{"rate limits v1\n"};

std::int64_t moment_of(Word word) { return static_cast<std::int64_t>(word & moment_mask); }
Word fingerprint_of(Word word) { return word >> moment_bits; }
Word entry(Word fingerprint, std::int64_t moment_ms) {
    return fingerprint << moment_bits | (static_cast<Word>(moment_ms) & moment_mask);
}

bool swap(Word& place, Word expected, Word desired) {
    return std::atomic_ref{place}.compare_exchange_strong(expected, desired);
}

// Reads the entrance first: see the header.
Bucket read(Bucket& bucket) {
    Bucket words{};
    for (std::size_t i = 0; i < bucket_words; ++i) words[i] = std::atomic_ref{bucket[i]}.load();
    return words;
}

// The index of a key's latest entry; bucket_words if it has none.
std::size_t find(const Bucket& words, Word fingerprint) {
    std::size_t position = bucket_words;
    for (std::size_t i = 0; i < bucket_words; ++i)
        if (fingerprint_of(words[i]) == fingerprint &&
            (position == bucket_words || moment_of(words[i]) > moment_of(words[position])))
            position = i;
    return position;
}

// Makes the entrance replaceable. Returns false if another process was faster.
bool clear_entrance(Bucket& bucket, const Bucket& words, std::int64_t now_ms) {
    const auto leaving = words[0];
    if (moment_of(leaving) <= now_ms) return true;
    std::size_t target = 1;
    for (std::size_t i = 1; i < bucket_words; ++i) {
        if (fingerprint_of(words[i]) == fingerprint_of(leaving)) {
            target = i;  // an older copy of the entrance
            break;
        }
        if (moment_of(words[i]) < moment_of(words[target])) target = i;
    }
    if (moment_of(words[target]) > std::max(now_ms, moment_of(leaving))) return true;
    return swap(bucket[target], words[target], leaving);
}

struct Step {
    Decision decision;
    std::int64_t moment_ms;  // when the key is paid off, if the permit is granted
};

Step step(std::int64_t moment_ms, const Rate& rate, std::int64_t now_ms) {
    const auto pace = pace_of(rate);
    auto ahead_ms = std::max<std::int64_t>(moment_ms - now_ms, 0);
    if (ahead_ms > pace.most_ms + stray_ms) ahead_ms = 0;
    return {decide(rate, ahead_ms), now_ms + ahead_ms + pace.interval_ms};
}

[[noreturn]] void fail(const std::string& path, const std::string& reason) {
    throw std::runtime_error(path + ": " + reason);
}

// Makes the file unless another process is faster. Its blocks are allocated at once: otherwise a
// full disk could kill a process that writes to the mapping later.
void make(const std::string& path) {
    claim_run_dir(std::filesystem::path{path}.parent_path());
    Header header{.version = version, .secret = {}, .padding = {}};
    if (RAND_bytes(header.secret.data(), static_cast<int>(header.secret.size())) != 1)
        fail(path, "no random bytes");
    const auto error = create_file(path, [&](int fd) {
        int code = posix_fallocate(fd, 0, sizeof(File));
        if (code == 0 && pwrite(fd, &header, sizeof header, 0) != sizeof header) code = EIO;
        return std::error_code{code, std::generic_category()};
    });
    if (error) fail(path, error.message());
}

// RUN_DIR may be a folder in which others can create files.
bool is_our_table(int fd) {
    struct stat status {};
    Header header{};
    return fstat(fd, &status) == 0 && is_own_file(status) && (status.st_mode & 077) == 0 &&
           status.st_size == sizeof(File) &&
           pread(fd, &header, sizeof header, 0) == sizeof header && header.version == version;
}

}  // namespace

struct RateTable::Place {
    Bucket& bucket;
    Word fingerprint;
};

RateTable::RateTable(const std::string& path) {
    constexpr int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd = open(path.c_str(), flags);
    if (fd < 0 && errno == ENOENT) {
        make(path);
        fd = open(path.c_str(), flags);
    }
    if (fd < 0) fail(path, std::strerror(errno));
    const bool is_good = is_our_table(fd);
    memory_ = is_good ? mmap(nullptr, sizeof(File), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                      : MAP_FAILED;
    close(fd);
    if (!is_good) fail(path, "not a private table of this version: remove it");
    if (memory_ == MAP_FAILED) fail(path, "cannot be mapped");
}

RateTable::~RateTable() { munmap(memory_, sizeof(File)); }

RateTable::Place RateTable::place_of(std::string_view key) const {
    auto& file = *static_cast<File*>(memory_);
    std::string text{file.header.secret.begin(), file.header.secret.end()};
    text += key;
    const auto digest = sha256(text);
    std::array<Word, 2> bits{};
    std::memcpy(bits.data(), digest.data(), sizeof bits);
    // An empty word has the fingerprint 0.
    const auto fingerprint = std::max<Word>(bits[1] >> moment_bits, 1);
    return {file.buckets[bits[0] % bucket_count], fingerprint};
}

Decision RateTable::take(std::string_view key, const Rate& rate, std::int64_t now_ms) {
    const auto [bucket, fingerprint] = place_of(key);
    for (;;) {
        const auto words = read(bucket);
        const auto position = find(words, fingerprint);
        const bool is_known = position < bucket_words;
        const auto next = step(is_known ? moment_of(words[position]) : 0, rate, now_ms);
        if (!next.decision.allowed) return next.decision;
        const auto at = is_known ? position : 0;
        if (!is_known && !clear_entrance(bucket, words, now_ms)) continue;
        if (swap(bucket[at], words[at], entry(fingerprint, next.moment_ms))) return next.decision;
    }
}

void RateTable::give_back(std::string_view key, const Rate& rate, std::int64_t now_ms) {
    const auto [bucket, fingerprint] = place_of(key);
    for (;;) {
        const auto words = read(bucket);
        const auto position = find(words, fingerprint);
        if (position == bucket_words || moment_of(words[position]) <= now_ms) return;
        const auto moment_ms =
            std::max(now_ms, moment_of(words[position]) - pace_of(rate).interval_ms);
        if (swap(bucket[position], words[position], entry(fingerprint, moment_ms))) return;
    }
}

std::int64_t boot_time_ms() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}
