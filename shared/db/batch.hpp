// Batches of statements with their parameters, as they are sent to the database. add() returns a
// slot, which finds the statement's rows in the Results of the batch.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "shared/db/query.hpp"
#include "shared/db/statement.hpp"

namespace db {

// The index of a statement in its batch, not counting prepended statements.
struct Place {
    const Query* query;
    std::uint64_t batch_id;
    std::size_t index;
};

// Locates the rows of a statement, each of them a T, in the Results of its batch. A Slot<void>
// belongs to a statement whose rows are at most counted. Batch::add() creates slots.
template <class T>
struct [[nodiscard]] Slot : Place {};
template <>
struct Slot<void> : Place {};

// Statements that are sent together and commit together.
class Batch {
public:
    Batch() = default;
    Batch(Batch&&) = default;
    Batch& operator=(Batch&&) = default;
    // A batch cannot be copied, because its slots belong to it alone.
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch() = default;

    template <class T = void>
    Slot<T> add(Statement statement) {
        const Slot<T> slot{{statement.query, id_, statements_.size() - prepended_}};
        statements_.push_back(std::move(statement));
        return slot;
    }
    // The parts are those of db::statement().
    template <class T = void, class... Parts>
    Slot<T> add(const Query& query, Parts&&... parts) {
        return add<T>(db::statement(query, std::forward<Parts>(parts)...));
    }

    // Adds a statement that runs before all others. It has no slot, and existing slots remain
    // valid.
    void prepend(Statement statement) {
        statements_.insert(statements_.begin(), std::move(statement));
        ++prepended_;
    }

    std::uint64_t id() const { return id_; }
    std::size_t prepended() const { return prepended_; }
    const std::vector<Statement>& statements() const { return statements_; }
    bool reads_only() const {
        for (const auto& statement : statements_)
            if (!statement.query->reads_only) return false;
        return true;
    }
    // Whether it reads and appends, and changes no row that was there before.
    bool appends() const {
        for (const auto& statement : statements_)
            if (!statement.query->reads_only && !statement.query->appends) return false;
        return !reads_only();
    }

private:
    static std::uint64_t next_id() {
        static std::atomic<std::uint64_t> last{0};
        return ++last;
    }

    std::uint64_t id_ = next_id();
    std::size_t prepended_ = 0;
    std::vector<Statement> statements_;
};

}  // namespace db
