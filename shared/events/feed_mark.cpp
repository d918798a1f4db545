#include "shared/events/feed_mark.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

#include "shared/config/config.hpp"
#include "shared/log.hpp"
#include "shared/number.hpp"
#include "shared/own_file.hpp"
#include "shared/run_dir.hpp"
#include "sql/events.hpp"

namespace {

// How long to wait for another process that holds the lock: it writes to the database.
constexpr std::chrono::milliseconds lock_pause{1};

struct Mark {
    std::int64_t end = 0;
    std::string epoch;

    static Mark of(const EventBounds& bounds) { return {bounds.end_id, bounds.epoch()}; }

    bool operator==(const Mark&) const = default;

    // Whether a database with this mark may have become one with the other.
    bool precedes(const Mark& later) const { return epoch == later.epoch && end <= later.end; }
};

// The open file, "12-1f3c9a0e".
class File {
public:
    explicit File(const std::string& path) : path_(path), fd_(open(path)) {
        if (fd_ < 0 && errno == ENOENT) {
            claim_run_dir(std::filesystem::path{path}.parent_path());
            fd_ = open(path);
        }
        if (fd_ < 0) fail();
    }
    ~File() { close(fd_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    // Until the file is closed. Returns false if another process, or request, has the lock.
    bool lock() const { return flock(fd_, LOCK_EX | LOCK_NB) == 0; }

    // Nullopt for an empty file, or one that is being written.
    std::optional<Mark> read() const {
        std::array<char, 64> buffer{};
        const auto size = pread(fd_, buffer.data(), buffer.size(), 0);
        if (size < 0) fail();
        const std::string_view text{buffer.data(), static_cast<std::size_t>(size)};
        const auto dash = text.find('-');
        if (dash == text.npos || text.size() != dash + 1 + epoch_size) return std::nullopt;
        const auto end = parse_number<std::int64_t>(text.substr(0, dash));
        if (!end) return std::nullopt;
        return Mark{*end, std::string{text.substr(dash + 1)}};
    }

    void write(const Mark& mark) const {
        const auto text = std::to_string(mark.end) + "-" + mark.epoch;
        const auto size = static_cast<ssize_t>(text.size());
        if (pwrite(fd_, text.data(), text.size(), 0) != size || ftruncate(fd_, size) != 0) fail();
    }

private:
    static int open(const std::string& path) {
        return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    [[noreturn]] void fail() const {
        throw DbError{"58030", path_ + ": " + last_error().message()};
    }

    std::string path_;
    int fd_;
};

}  // namespace

FeedMark::FeedMark(const Config& config) {
    if (config.sqlite_path()) path_ = config.run_dir + "/" + feed_mark_file;
}

// Whether the database is older is decided under the lock, with bounds that were read under it: the
// given ones may be older than a mark that another process has written since.
Async<EventBounds> FeedMark::check(Database& db, EventBounds bounds) const {
    if (path_.empty()) co_return bounds;
    const File file{path_};
    if (file.read() == Mark::of(bounds)) co_return bounds;
    while (!file.lock()) co_await sleep_for(lock_pause);
    const auto mark = file.read();
    if (mark && !mark->precedes(Mark::of(bounds))) {
        auto current = co_await db.one<EventBounds>(sql::event_bounds);
        if (!mark->precedes(Mark::of(current))) {
            db::Batch batch;
            batch.add(sql::begin_history);
            const auto begun = batch.add<EventBounds>(sql::event_bounds);
            const auto results = co_await db.run(std::move(batch));
            current = results.one(begun);
            logging::warning(
                "the database is older than the events already sent: readers start again");
        }
        bounds = std::move(current);
    }
    file.write(Mark::of(bounds));
    co_return bounds;
}
