// What is sent to the database: statements with their parameters, in batches. add() returns a slot,
// which finds the statement's rows in the Results of the batch.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "shared/db/query.hpp"
#include "shared/json/fields.hpp"
#include "shared/timestamp.hpp"
#include "shared/uuid.hpp"

namespace db {

// SQL's NULL still has a type: what it would be if it were there. Prepared statements need it.
template <class T>
struct Null {};

using Value = std::variant<bool, std::int64_t, std::string, Uuid, Timestamp, Null<bool>,
                           Null<std::int64_t>, Null<std::string>, Null<Uuid>, Null<Timestamp>>;

inline Value value_of(const Value& value) { return value; }
inline Value value_of(bool value) { return value; }
inline Value value_of(std::int64_t value) { return value; }
inline Value value_of(std::string value) { return value; }
inline Value value_of(std::string_view value) { return std::string{value}; }
inline Value value_of(const char* value) { return std::string{value}; }
inline Value value_of(const json::Raw& value) { return value.text; }
inline Value value_of(const Uuid& value) { return value; }
inline Value value_of(const Timestamp& value) { return value; }
template <class T>
Value value_of(const std::optional<T>& value) {
    return value ? value_of(*value) : Value{Null<T>{}};
}

struct Statement {
    const Query* query;
    std::vector<Value> parameters;
};

template <class... Parameters>
Statement statement(const Query& query, const Parameters&... parameters) {
    Statement made{&query, {}};
    made.parameters.reserve(sizeof...(parameters));
    (made.parameters.push_back(value_of(parameters)), ...);
    return made;
}

// The place of a statement in its batch, without the statements that were prepended.
struct Place {
    const Query* query;
    std::uint64_t batch_id;
    std::size_t index;
};

// Where the Results of a batch hold the rows of one of its statements, each of them a T; void is
// for statements whose rows are at most counted. Batch::add() makes it.
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
    // Slots tell one batch from another.
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch() = default;

    template <class T = void>
    Slot<T> add(Statement statement) {
        const Slot<T> slot{{statement.query, id_, statements_.size() - prepended_}};
        statements_.push_back(std::move(statement));
        return slot;
    }
    template <class T = void, class... Parameters>
    Slot<T> add(const Query& query, const Parameters&... parameters) {
        return add<T>(db::statement(query, parameters...));
    }

    // Runs before all others and has no slot: theirs remain valid.
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
