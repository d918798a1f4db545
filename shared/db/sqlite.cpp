// SQLite, run inline on the loop: a statement takes microseconds, and a long one blocks the loop
// until the deadline of its batch.
//
// All writes that a turn of the loop brings are one transaction, so they wait for the disk once.
// Each batch has a savepoint, and an error undoes that batch alone. An error of the transaction
// (a deferred constraint, a full disk) is nobody's: nothing was done, and each batch is run again
// in a transaction of its own, where every error is its own. While another process writes, a timer
// polls for the lock, the writers wait in order, and the loop serves reads.

#include <algorithm>
#include <boost/asio/post.hpp>
#include <deque>
#include <utility>

#include "shared/config/config.hpp"
#include "shared/db/engines.hpp"
#include "shared/db/sqlite_connection.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/metrics/counters.hpp"
#include "shared/promise.hpp"

namespace {

using std::chrono::milliseconds;

// The time between two attempts to take the lock.
constexpr milliseconds retry_pause{1};

// What one transaction takes, so that reads do not wait for long. A batch that takes longer alone
// is interrupted and given a transaction of its own.
constexpr std::size_t largest_group = 256;
constexpr milliseconds longest_group{50};

// How long a read may miss that the file was moved.
constexpr std::chrono::seconds longest_without_check{1};

constexpr Query begin_reading{.name = "begin_reading", .sqlite = "BEGIN"};
constexpr Query begin_writing{.name = "begin_writing", .sqlite = "BEGIN IMMEDIATE"};
constexpr Query begin_batch{.name = "begin_batch", .sqlite = "SAVEPOINT batch"};
constexpr Query undo_batch{.name = "undo_batch", .sqlite = "ROLLBACK TO batch"};
constexpr Query end_batch{.name = "end_batch", .sqlite = "RELEASE batch"};

// Empty for any exception other than a DbError.
std::string sqlstate_of(const std::exception_ptr& failure) {
    try {
        rethrow(failure);
    } catch (const DbError& error) {
        return error.sqlstate();
    } catch (...) {
    }
    return {};
}

// A batch that writes, in the coroutine that waits for it.
struct Write {
    const db::Batch& batch;
    Clock::time_point latest;
    bool goes_alone = false;  // in a transaction of its own
    db::Results results{};
    std::exception_ptr failure{};
    Promise promise{};
};

using Group = std::vector<Write*>;

class SqliteDatabase final : public Database {
public:
    SqliteDatabase(const Config& config, Loop& loop, std::string path)
        : loop_(loop),
          path_(std::move(path)),
          synchronous_(config.sqlite_synchronous),
          deadline_(config.db_deadline_ms),
          retry_(loop) {}

    Async<db::Results> run(db::Batch batch) override {
        const metrics::BatchTimer timer;
        const auto latest = Clock::now() + deadline_;
        if (batch.reads_only()) {
            for (;;) {
                if (auto results = try_to_read(batch, latest)) co_return std::move(*results);
                co_await sleep_for(retry_pause);
            }
        }
        rethrow(closed_);
        Write write{batch, latest};
        waiting_.push_back(&write);
        write_later();
        co_await write.promise.wait();
        co_return std::move(write.results);
    }

    void close() override {
        closed_ =
            std::make_exception_ptr(DbError{sqlstate::admin_shutdown, "the service is stopping"});
        retry_.cancel();
        for (auto* const write : std::exchange(waiting_, {})) write->promise.deliver(closed_);
        connection_.reset();
    }

private:
    SqliteConnection& connection() {
        rethrow(closed_);
        if (!connection_) connection_ = std::make_unique<SqliteConnection>(path_, synchronous_);
        return *connection_;
    }

    // Returns nullopt if another process holds the lock and it is not `latest` yet.
    std::optional<db::Results> try_to_read(const db::Batch& batch, Clock::time_point latest) {
        const bool is_last = Clock::now() >= latest;
        try {
            return read(batch, latest);
        } catch (const DbError& error) {
            if (error.sqlstate() != sqlstate::lock_not_available || is_last) throw;
            return std::nullopt;
        }
    }

    db::Results read(const db::Batch& batch, Clock::time_point latest) {
        auto& connection = this->connection();
        connection.set_now(Timestamp::now());
        if (const auto now = Clock::now(); now - checked_at_ >= longest_without_check) {
            connection.files().check();
            checked_at_ = now;
        }
        if (batch.statements().size() == 1) return connection.run(batch, latest);
        SqliteTransaction transaction{connection, begin_reading};
        auto results = connection.run(batch, latest);
        transaction.commit();
        return results;
    }

    // Writes behind everything that is ready in this turn of the loop.
    void write_later() {
        if (std::exchange(is_write_due_, true)) return;
        boost::asio::post(loop_, [this] { write_waiting(); });
    }

    void write_waiting() {
        is_write_due_ = false;
        give_up_late();
        auto group = next_group();
        if (group.empty()) return;  // closed meanwhile
        const bool is_alone = group.size() == 1;
        auto failure = try_to_write(group);
        // A transaction that could not even be rolled back is lost with its connection.
        if (connection_ && connection_->is_in_transaction()) connection_.reset();
        if (sqlstate_of(failure) == sqlstate::lock_not_available) return wait_for_lock(failure);
        late_ = waited_too_long_;

        waiting_.erase(waiting_.begin(), waiting_.begin() + std::ssize(group));
        if (is_alone && failure) group.front()->failure = std::exchange(failure, nullptr);
        settle(group, is_alone, failure != nullptr);
        if (!waiting_.empty()) write_later();
    }

    // The first of those that wait, as many as may share a transaction.
    Group next_group() const {
        Group group;
        for (auto* const write : waiting_) {
            if (group.size() == largest_group || (write->goes_alone && !group.empty())) break;
            group.push_back(write);
            if (write->goes_alone) break;
        }
        return group;
    }

    std::exception_ptr try_to_write(Group& group) {
        try {
            write(group);
            return nullptr;
        } catch (...) {
            return std::current_exception();
        }
    }

    // Afterwards each batch of the group has its results or its failure. The group loses those for
    // which there was no time. Throws if nothing was done.
    void write(Group& group) {
        auto& connection = this->connection();
        connection.set_now(Timestamp::now());
        SqliteTransaction transaction{connection, begin_writing};
        const auto until = Clock::now() + longest_group;
        const bool is_alone = group.size() == 1;
        for (std::size_t i = 0; i < group.size(); ++i) {
            if (i > 0 && Clock::now() >= until) {
                group.resize(i);
                break;
            }
            if (is_alone)
                execute(*group[i], group[i]->latest);
            else
                execute_in_savepoint(*group[i]);
        }
        connection.files().check();
        transaction.commit();
        if (!connection.files().has_database()) fail_after_commit(group);
    }

    void execute(Write& write, Clock::time_point latest) {
        write.failure = nullptr;
        if (Clock::now() >= write.latest) std::rethrow_exception(waited_too_long_);
        write.results = connection_->run(write.batch, latest);
    }

    // Throws if an error has ended the whole transaction.
    void execute_in_savepoint(Write& write) {
        connection_->run(begin_batch);
        try {
            execute(write, std::min(write.latest, Clock::now() + longest_group));
        } catch (...) {
            write.failure = std::current_exception();
            const auto state = sqlstate_of(write.failure);
            write.goes_alone =
                state == sqlstate::query_canceled || state == sqlstate::lock_not_available;
            if (!connection_->is_in_transaction()) throw;
            connection_->run(undo_batch);
        }
        connection_->run(end_batch);
    }

    // The file was moved during the commit, so the outcome is unknown.
    void fail_after_commit(const Group& group) const {
        try {
            connection_->files().check();
        } catch (...) {
            for (auto* const write : group)
                if (!write->failure) write->failure = std::current_exception();
        }
    }

    // Answers a group, or queues its batches again. A batch that goes alone is queued last, so it
    // delays no others.
    void settle(const Group& group, bool was_alone, bool was_undone) {
        const bool is_culprit_known = std::any_of(
            group.begin(), group.end(), [](const auto* write) { return write->goes_alone; });
        Group rerun;
        for (auto* const write : group) {
            if (was_undone && !is_culprit_known) write->goes_alone = true;
            if (write->goes_alone && !was_alone)
                waiting_.push_back(write);
            else if (was_undone)
                rerun.push_back(write);
            else
                write->promise.deliver(write->failure);
        }
        waiting_.insert(waiting_.begin(), rerun.begin(), rerun.end());
    }

    // Ends those whose deadline has passed. They have certainly not been done.
    void give_up_late() {
        const auto late = std::stable_partition(
            waiting_.begin(), waiting_.end(),
            [now = Clock::now()](auto* write) { return now < write->latest; });
        for (auto write = late; write != waiting_.end(); ++write) (*write)->promise.deliver(late_);
        waiting_.erase(late, waiting_.end());
    }

    // Another process writes.
    void wait_for_lock(const std::exception_ptr& failure) {
        late_ = failure;
        give_up_late();
        if (waiting_.empty()) return;
        is_write_due_ = true;
        retry_.expires_after(retry_pause);
        retry_.async_wait([this](boost::system::error_code error) {
            if (!error) write_waiting();
        });
    }

    Loop& loop_;
    std::string path_;
    Synchronous synchronous_;
    milliseconds deadline_;
    std::exception_ptr closed_;  // what a batch fails with after close()
    const std::exception_ptr waited_too_long_ = std::make_exception_ptr(
        DbError{sqlstate::query_canceled, "waited for other writes until its deadline"});
    std::exception_ptr late_ = waited_too_long_;  // what a batch fails with at its deadline
    std::deque<Write*> waiting_;
    bool is_write_due_ = false;  // write_waiting() will be called
    Timer retry_;
    Clock::time_point checked_at_;  // the last check of the files by a read
    std::unique_ptr<SqliteConnection> connection_;
};

}  // namespace

std::unique_ptr<Database> open_sqlite(const Config& config, Loop& loop, std::string path) {
    return std::make_unique<SqliteDatabase>(config, loop, std::move(path));
}
