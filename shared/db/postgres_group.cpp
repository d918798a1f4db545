#include "shared/db/postgres_group.hpp"

#include <algorithm>
#include <utility>

#include "shared/db/sqlstate.hpp"

namespace {

using Again = PostgresOperation::Again;

// How long reads are not grouped after one of the same statements was slow.
constexpr auto slow_counts = std::chrono::seconds{2};

std::vector<const Query*> queries_of(const db::Batch& batch) {
    std::vector<const Query*> queries;
    for (const auto& statement : batch.statements()) queries.push_back(statement.query);
    return queries;
}

}  // namespace

bool PostgresGrouping::may_group(const PostgresOperation& operation, Clock::time_point now) const {
    if (!operation.may_share) return false;
    if (!operation.reads_only()) return append_limit_ > 1;
    if (slow_until_.empty()) return true;
    const auto found = slow_until_.find(queries_of(operation.batch));
    return found == slow_until_.end() || found->second <= now;
}

void PostgresGrouping::count_appends(std::size_t members, bool has_failed) {
    if (has_failed)
        append_limit_ = std::max<std::size_t>(append_limit_ / 2, 1);
    else if (members >= append_limit_)
        append_limit_ = std::min(append_limit_ + 1, largest);
}

void PostgresGrouping::count_slow(const db::Batch& read, Clock::time_point now) {
    slow_until_[queries_of(read)] = now + slow_counts;
}

void PostgresGroup::add(PostgresOperation& operation) {
    members_.push_back({&operation});
    is_counted_ = kind_ == Kind::appends && operation.may_share;
    ++unanswered_;
}

void PostgresGroup::mark_sent(Clock::time_point moment) {
    sent_at_ = waited_from_ = moment;
    for (auto& member : members_) {
        member.operation->was_sent = true;
        last_deadline_ = std::max(last_deadline_, member.operation->deadline);
    }
}

bool PostgresGroup::is_done(std::size_t member) const {
    return taken_ == due_.size() || due_[taken_].member != member;
}

void PostgresGroup::take(std::unique_ptr<db::Rows> rows, Clock::time_point now) {
    if (taken_ == due_.size()) return;
    const auto due = due_[taken_++];
    if (due.member == nobody || due.preparing) return;
    auto& member = members_[due.member];
    member.operation->results.add(std::move(rows));
    if (!reads_only() || !is_done(due.member)) return;
    answer(member, std::nullopt);
    waited_from_ = now;
}

void PostgresGroup::fail(const DbError& error) {
    if (!failure_) failure_ = error;
}

// An error on which the server gave up the connection does not tell whether it had committed.
bool PostgresGroup::is_transaction_undone() const {
    return failure_ && !is_connection_failure(failure_->sqlstate());
}

void PostgresGroup::finish() {
    // libpq may report an error of its own although the server has committed.
    if (failure_ && !is_transaction_undone()) return lose(*failure_);
    for (std::size_t i = 0; i < members_.size(); ++i)
        answer(members_[i], failure_, failure_ ? repetition(i, failure_->sqlstate()) : Again::no);
}

// How to send a member again after a failure with this state.
Again PostgresGroup::repetition(std::size_t member, std::string_view state) const {
    if (members_.size() == 1) return Again::no;
    // At the commit it may come of what any of them wrote.
    const bool is_commit = taken_ == due_.size();
    if (is_commit) return Again::alone;
    const auto at_fault = due_[taken_].member;
    // The statement of the limits has failed. run() repeats what was stale.
    if (at_fault == nobody) return is_stale_statement(state) ? Again::no : Again::alone;
    if (member != at_fault) return Again::in_group;
    // Only a group limits the wait for a lock and, behind a pooler, the time of all its members by
    // that of the first one to be late.
    const bool has_time = members_[member].operation->deadline - Clock::now() > deadline_reserve;
    const bool is_limit =
        state == sqlstate::lock_not_available || (state == sqlstate::query_canceled && has_time);
    // At a later member it may come of what the first ones wrote.
    const bool is_own = reads_only() || member == 0 || state == sqlstate::query_canceled;
    return is_own && !is_limit ? Again::no : Again::alone;
}

void PostgresGroup::lose(const DbError& error) {
    const bool was_sent = sent_at_ != Clock::time_point{};
    if (was_sent && is_transaction_undone()) return finish();
    static const DbError late{sqlstate::query_canceled, "no answer within DB_DEADLINE_MS"};
    for (auto& member : members_) {
        const auto& reason = member.is_late ? late : failure_ ? *failure_ : error;
        answer(member, reason, was_sent ? Again::no : Again::in_group);
    }
}

void PostgresGroup::answer(Member& member, std::optional<DbError> failure, Again again) {
    auto* const operation = std::exchange(member.operation, nullptr);
    if (!operation) return;
    --unanswered_;
    operation->finish(std::move(failure), again);
}

std::vector<const Query*> PostgresGroup::unprepared() const {
    std::vector<const Query*> queries;
    for (auto i = taken_; i < due_.size(); ++i)
        if (due_[i].preparing) queries.push_back(due_[i].preparing);
    return queries;
}

Clock::time_point PostgresGroup::deadline() const {
    auto first = Clock::time_point::max();
    for (const auto& member : members_) first = std::min(first, member.operation->deadline);
    return first;
}

bool PostgresGroup::mark_late(Clock::time_point now) {
    if (unanswered_ == 0) return now >= last_deadline_;
    bool is_any_late = false;
    for (auto& member : members_)
        if (member.operation && member.operation->deadline <= now)
            is_any_late = member.is_late = true;
    return is_any_late;
}

const PostgresOperation* PostgresGroup::slow_read(Clock::time_point now,
                                                  Clock::duration longest) const {
    if (!reads_only() || now - waited_from_ < longest) return nullptr;
    const auto due = std::find_if(members_.begin(), members_.end(),
                                  [](const auto& member) { return member.operation != nullptr; });
    return due == members_.end() ? nullptr : due->operation;
}
