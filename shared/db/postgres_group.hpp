// Batches on a connection to PostgreSQL that share a Sync, and with it a transaction and a commit.
// ADR 12 has the rules. An error undoes all of them, but each gets only its own errors: those that
// may not be at fault are sent again.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/promise.hpp"

// A batch in progress. It is owned by the coroutine that waits for it.
struct PostgresOperation {
    // How to send a batch again that certainly had no effect and may not be at fault.
    enum class Again { no, in_group, alone };

    PostgresOperation(const db::Batch& sent_batch, Clock::time_point latest, bool goes_alone)
        : batch(sent_batch), may_share(!goes_alone && (reads_only || appends)), deadline(latest) {}

    // Ends the wait of the coroutine, in a later turn of the loop.
    void finish(std::optional<DbError> error = {}, Again how = Again::no) {
        failure = std::move(error);
        again = how;
        promise.deliver();
    }

    const db::Batch& batch;
    const bool reads_only = batch.reads_only();
    const bool appends = batch.appends();
    // Whether it may share its transaction. A batch that changes rows may not: it would lock them
    // until the end of the others, and get a transaction id from before it began.
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
    // Whether the batch may be sent in a group at present.
    bool groups(const PostgresOperation& operation, Clock::time_point now) const;

    // How many batches a group may have. The limit of those that append is halved when one of them
    // fails and grows by one with each full one that succeeds. With e errors per batch it is about
    // √(2 ÷ e), so that little is done in vain. At 1 nothing that appends is grouped.
    std::size_t most(bool reads_only) const { return reads_only ? largest : append_limit_; }

    // A group of this many batches that append has succeeded or failed.
    void count_appends(std::size_t members, bool has_failed);

    // The read has kept others waiting, so its statements are not grouped for some time.
    void count_slow(const db::Batch& read, Clock::time_point now);

private:
    static constexpr std::size_t largest = 64;

    std::size_t append_limit_ = largest;
    std::unordered_map<const Query*, Clock::time_point> slow_until_;
};

class PostgresGroup {
public:
    // In place of a member.
    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

    enum class Kind { reads, appends, other };

    // `may_grow`: whether other batches may join it.
    PostgresGroup(Kind kind, bool may_grow) : kind_(kind), may_grow_(may_grow) {}

    bool reads_only() const { return kind_ == Kind::reads; }
    bool appends() const { return kind_ == Kind::appends; }
    bool may_grow() const { return may_grow_; }
    std::size_t size() const { return members_.size(); }

    // The number of batches without an answer.
    std::size_t unanswered() const { return unanswered_; }

    void add(PostgresOperation& operation);

    // The batches, before it is sent.
    template <class Visit>
    void for_each(Visit visit) const {
        for (std::size_t i = 0; i < members_.size(); ++i) visit(i, *members_[i].operation);
    }

    // It is sent now. Each statement has one result, in this order: what limits the transaction,
    // what prepares a statement, and the statements of the batches. A preparation is for a member,
    // or for nobody.
    void sent(Clock::time_point moment);
    void expect_limits() { due_.push_back({nobody, nullptr}); }
    void expect_preparation(std::size_t member, const Query& query) {
        due_.push_back({member, &query});
    }
    void expect_rows(std::size_t member) { due_.push_back({member, nullptr}); }

    // The result of the next statement. A read gets its answer with its last one, and keeps it
    // whatever becomes of the others.
    void take(std::unique_ptr<db::Rows> rows, Clock::time_point now);
    // The next statement has failed, or after the last one the commit. Only the first call counts.
    void fail(const DbError& error);

    // The server has ended the transaction: all others get their answers.
    void finish();
    // The connection is lost, and with it the answer to whether the transaction was committed.
    void lose(const DbError& error);

    bool has_failed() const { return failure_.has_value(); }

    // The statements that were to be prepared and were not.
    std::vector<const Query*> unprepared() const;

    // All answers of the groups before it have come.
    void became_first(Clock::time_point now) { waited_from_ = now; }

    Clock::time_point sent_at() const { return sent_at_; }
    // The first deadline of its batches.
    Clock::time_point deadline() const;

    // Whether the deadline of a batch without an answer has passed. lose() then tells that batch
    // so.
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

    Kind kind_;
    bool may_grow_;
    std::vector<Member> members_ = {};
    std::size_t unanswered_ = 0;
    std::vector<Due> due_ = {};
    std::size_t taken_ = 0;  // of due_
    std::optional<DbError> failure_ = {};
    Clock::time_point sent_at_ = {};
    Clock::time_point waited_from_ = {};  // the answer to the previous batch
};
