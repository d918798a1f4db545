// Batches on a connection to PostgreSQL that share a Sync, and with it a transaction and a commit.
// ADR 12 has the rules. An error undoes all of them, but each gets only its own errors: those that
// may not be at fault are sent again.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/promise.hpp"

// The server ends a statement so much before the deadline, or in the last quarter of a shorter
// time.
inline constexpr std::chrono::milliseconds deadline_reserve{200};

// A batch in progress. It is owned by the coroutine that waits for it.
struct PostgresOperation {
    // A batch that changes rows shares its transaction with no other: it would lock them until the
    // end of the others, and get a transaction id from before it began.
    enum class Kind { reads, appends, changes };

    // How to send a batch again that certainly had no effect and may not be at fault.
    enum class Again { no, in_group, alone };

    PostgresOperation(const db::Batch& sent_batch, Clock::time_point latest, bool goes_alone)
        : batch(sent_batch), may_share(!goes_alone && kind != Kind::changes), deadline(latest) {}

    bool reads_only() const { return kind == Kind::reads; }

    // Ends the wait of the coroutine, in a later turn of the loop.
    void finish(std::optional<DbError> error = {}, Again how = Again::no) {
        failure = std::move(error);
        again = how;
        promise.deliver();
    }

    const db::Batch& batch;
    const Kind kind = batch.reads_only() ? Kind::reads
                      : batch.appends()  ? Kind::appends
                                         : Kind::changes;
    const bool may_share;
    const Clock::time_point began = Clock::now();
    Clock::time_point deadline;
    bool was_sent = false;
    db::Results results{batch};
    std::optional<DbError> failure = {};
    Again again = Again::no;
    Promise promise = {};
};

// What the connections of a process have learned about groups.
class PostgresGrouping {
public:
    using Kind = PostgresOperation::Kind;

    // Whether the batch may be sent in a group at present.
    bool may_group(const PostgresOperation& operation, Clock::time_point now) const;

    // How many batches a group may have. The limit of those that append is halved when one of them
    // fails and grows by one with each full one that succeeds. With e errors per batch it is about
    // √(2 ÷ e), so that little is done in vain. At 1 nothing that appends is grouped.
    std::size_t most(Kind kind) const { return kind == Kind::appends ? append_limit_ : largest; }

    // A group of this many batches that append has succeeded or failed.
    void count_appends(std::size_t members, bool has_failed);

    // The read has kept others waiting, so reads of the same statements are not grouped for some
    // time.
    void count_slow(const db::Batch& read, Clock::time_point now);

private:
    static constexpr std::size_t largest = 64;

    std::size_t append_limit_ = largest;
    std::map<std::vector<const Query*>, Clock::time_point> slow_until_;  // by their statements
};

class PostgresGroup {
public:
    using Kind = PostgresOperation::Kind;

    // In place of a member.
    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

    // `may_grow`: whether other batches may join it.
    PostgresGroup(Kind kind, bool may_grow) : kind_(kind), may_grow_(may_grow) {}

    Kind kind() const { return kind_; }
    bool reads_only() const { return kind_ == Kind::reads; }
    bool may_grow() const { return may_grow_; }
    bool is_append_group() const { return may_grow_ && kind_ == Kind::appends; }
    // Whether it tells something about groups of batches that append.
    bool is_counted() const { return is_counted_; }
    std::size_t size() const { return members_.size(); }

    // The number of batches without an answer.
    std::size_t unanswered() const { return unanswered_; }

    void add(PostgresOperation& operation);

    // The batches, before it is sent.
    template <class Visit>
    void for_each(Visit visit) const {
        for (std::size_t i = 0; i < members_.size(); ++i) visit(i, *members_[i].operation);
    }
    // The first deadline of its batches, before it is sent.
    Clock::time_point deadline() const;

    // It is sent now. Each statement has one result, in this order: what limits the transaction,
    // what prepares a statement, and the statements of the batches. A preparation is for a member,
    // or for nobody.
    void mark_sent(Clock::time_point moment);
    void expect_limits() { due_.push_back({nobody, nullptr}); }
    void expect_preparation(std::size_t member, const Query& query) {
        due_.push_back({member, &query});
    }
    void expect_rows(std::size_t member) { due_.push_back({member, nullptr}); }
    Clock::time_point sent_at() const { return sent_at_; }

    // All answers of the groups before it have come.
    void mark_first(Clock::time_point now) { waited_from_ = now; }

    // The result of the next statement. A read gets its answer when its last result has arrived,
    // and keeps it whatever becomes of the others.
    void take(std::unique_ptr<db::Rows> rows, Clock::time_point now);
    // The next statement has failed, or after the last one the commit. Only the first call counts.
    void fail(const DbError& error);

    // The server has ended the transaction: all others get their answers.
    void finish();
    // The connection is lost, and with it the answer to whether the transaction was committed.
    void lose(const DbError& error);

    bool has_failed() const { return failure_.has_value(); }
    bool has_failed_with(std::string_view sqlstate) const {
        return failure_ && failure_->sqlstate() == sqlstate;
    }

    // The statements that were to be prepared and were not.
    std::vector<const Query*> unprepared() const;

    // Whether the deadline of a batch without an answer has passed or, if all have theirs, every
    // deadline. lose() tells those that are late.
    bool mark_late(Clock::time_point now);
    // The read whose answer is due, if it has been for `longest`.
    const PostgresOperation* slow_read(Clock::time_point now, Clock::duration longest) const;

private:
    struct Member {
        PostgresOperation* operation;  // null when it has its answer
        bool is_late = false;
    };
    // Whose result comes next.
    struct Due {
        std::size_t member;
        const Query* preparing;
    };

    void answer(Member& member, std::optional<DbError> failure,
                PostgresOperation::Again again = PostgresOperation::Again::no);
    bool is_done(std::size_t member) const;
    bool is_transaction_undone() const;
    PostgresOperation::Again repetition(std::size_t member, std::string_view state) const;

    Kind kind_;
    bool may_grow_;
    bool is_counted_ = false;
    std::vector<Member> members_ = {};
    std::size_t unanswered_ = 0;
    std::vector<Due> due_ = {};
    std::size_t taken_ = 0;  // of due_
    std::optional<DbError> failure_ = {};
    Clock::time_point sent_at_ = {};
    Clock::time_point waited_from_ = {};    // the answer to the previous batch
    Clock::time_point last_deadline_ = {};  // of its batches
};
