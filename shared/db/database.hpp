// The database as handlers see it: a batch of statements goes out in one round trip, commits as one
// transaction, and gives back rows that map to plain aggregates.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "shared/async.hpp"
#include "shared/db/query.hpp"
#include "shared/json/fields.hpp"
#include "shared/timestamp.hpp"
#include "shared/uuid.hpp"

struct Config;

// A failure with the SQLSTATE that says which
// (https://www.postgresql.org/docs/15/errcodes-appendix.html); SQLite's codes are translated. The
// message is for the log, never for a client.
class DbError : public std::runtime_error {
public:
    DbError(std::string sqlstate, const std::string& message)
        : std::runtime_error(message), sqlstate_(std::move(sqlstate)) {}
    const std::string& sqlstate() const { return sqlstate_; }

private:
    std::string sqlstate_;
};

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

// Statements that travel together and commit together.
class Batch {
public:
    template <class... Parameters>
    Batch& add(const Query& query, const Parameters&... parameters) {
        statements_.push_back({&query, {value_of(parameters)...}});
        return *this;
    }
    // The statements of another batch, after those that are here.
    void append(Batch&& other) {
        std::move(other.statements_.begin(), other.statements_.end(),
                  std::back_inserter(statements_));
    }
    const std::vector<Statement>& statements() const { return statements_; }
    bool reads_only() const {
        for (const auto& statement : statements_)
            if (!statement.query->reads_only) return false;
        return true;
    }

private:
    std::vector<Statement> statements_;
};

// What one statement returned. Cells are read by the type of the member that wants them; a column
// of another type throws std::logic_error.
class Rows {
public:
    virtual ~Rows() = default;
    virtual std::size_t size() const = 0;
    virtual std::size_t column_count() const = 0;
    virtual std::string_view column_name(std::size_t column) const = 0;
    virtual bool is_null(std::size_t row, std::size_t column) const = 0;
    virtual bool boolean(std::size_t row, std::size_t column) const = 0;
    virtual std::int64_t integer(std::size_t row, std::size_t column) const = 0;
    virtual std::string_view text(std::size_t row, std::size_t column) const = 0;
    virtual Uuid uuid(std::size_t row, std::size_t column) const = 0;
    virtual Timestamp timestamp(std::size_t row, std::size_t column) const = 0;

    bool empty() const { return size() == 0; }
};

using Results = std::vector<std::unique_ptr<Rows>>;

inline void read_cell(const Rows& rows, std::size_t row, std::size_t column, bool& out) {
    out = rows.boolean(row, column);
}
inline void read_cell(const Rows& rows, std::size_t row, std::size_t column, std::int64_t& out) {
    out = rows.integer(row, column);
}
inline void read_cell(const Rows& rows, std::size_t row, std::size_t column, std::string& out) {
    out = rows.text(row, column);
}
inline void read_cell(const Rows& rows, std::size_t row, std::size_t column, json::Raw& out) {
    out.text = rows.text(row, column);
}
inline void read_cell(const Rows& rows, std::size_t row, std::size_t column, Uuid& out) {
    out = rows.uuid(row, column);
}
inline void read_cell(const Rows& rows, std::size_t row, std::size_t column, Timestamp& out) {
    out = rows.timestamp(row, column);
}
template <class T>
void read_cell(const Rows& rows, std::size_t row, std::size_t column, std::optional<T>& out) {
    if (rows.is_null(row, column)) return out.reset();
    read_cell(rows, row, column, out.emplace());
}

// Throws std::logic_error unless the columns are the declared fields of T, by name and in order.
void check_columns(const Rows& rows, const std::string_view* names, std::size_t count);

template <class T>
void check_columns_of(const Rows& rows) {
    static constexpr auto names = json::field_names<T>();
    check_columns(rows, names.data(), names.size());
}

// Maps a row to an aggregate: column i is the i-th declared field.
template <class T>
T aggregate(const Rows& rows, std::size_t row) {
    static constexpr auto fields = T::fields();
    T value;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (read_cell(rows, row, I, value.*std::get<I>(fields).member), ...);
    }
    (std::make_index_sequence<json::field_count<T>>{});
    return value;
}

template <class T>
std::vector<T> all(const Rows& rows) {
    check_columns_of<T>(rows);
    std::vector<T> values;
    values.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) values.push_back(aggregate<T>(rows, row));
    return values;
}

// A cell as JSON; texts go from the row to the writer without being copied between.
template <class T>
void write_cell(json::Writer& writer, const Rows& rows, std::size_t row, std::size_t column) {
    if constexpr (std::is_same_v<T, std::string>) {
        writer.string(rows.text(row, column));
    } else {
        T value;
        read_cell(rows, row, column, value);
        json::Type<T>::write(writer, value);
    }
}

// The canonical JSON of an array of the first `count` rows, each as a T: the same as that of
// all<T>() without the aggregates between, which take a third of the time of a long list.
template <class T>
std::string write_rows(const Rows& rows, std::size_t count) {
    check_columns_of<T>(rows);
    std::string text;
    json::Writer writer{text};
    writer.begin_array();
    for (std::size_t row = 0; row < count; ++row) {
        writer.begin_object();
        json::for_each_field<T>([&](const auto& field, std::size_t column) {
            using Member = std::remove_cvref_t<decltype(std::declval<T>().*field.member)>;
            writer.key(field.name);
            write_cell<Member>(writer, rows, row, column);
        });
        writer.end_object();
        if (row == 0) text.reserve(text.size() * (count + count / 4 + 1));
    }
    writer.end_array();
    return text;
}

// The first row, if there is one.
template <class T>
std::optional<T> first(const Rows& rows) {
    if (rows.empty()) return std::nullopt;
    check_columns_of<T>(rows);
    return aggregate<T>(rows, 0);
}

}  // namespace db

class Database {
public:
    virtual ~Database() = default;

    // Runs the batch in one round trip and one transaction, within the deadline of DB_DEADLINE_MS
    // (and DB_CONNECT_TIMEOUT_MS where it must connect first). One Rows per statement, in order.
    // Throws DbError. The outcome of a write is unknown after class 08, 57014 (late) and 57P01
    // (closed). Repeats by itself, once, what is safe to repeat: reads whose connection died, 40001
    // and 40P01, and prepared statements that the server no longer knows.
    virtual Async<db::Results> run(db::Batch batch) = 0;

    // Closes every connection and ends what still waits; the loop runs out of work afterwards.
    virtual void close() = 0;

    // The database for what outlives the request that this one belongs to.
    virtual Database& lasting() { return *this; }

    template <class T, class... Parameters>
    Async<std::optional<T>> maybe(const Query& query, Parameters... parameters) {
        db::Batch batch;
        batch.add(query, parameters...);
        const auto results = co_await run(std::move(batch));
        co_return db::first<T>(*results.front());
    }

    // Exactly one row; none is a std::logic_error.
    template <class T, class... Parameters>
    Async<T> one(const Query& query, Parameters... parameters) {
        auto value = co_await maybe<T>(query, std::move(parameters)...);
        if (!value) throw std::logic_error(std::string{query.name} + " returned no row");
        co_return std::move(*value);
    }
};

// Opens the engine that DATABASE_URL names. Connections are made when they are first needed.
std::unique_ptr<Database> open_database(const Config& config, Loop& loop);
