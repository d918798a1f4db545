// The results of a batch: the rows of each statement, which map to plain aggregates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "shared/db/batch.hpp"
#include "shared/json/fields.hpp"
#include "shared/timestamp.hpp"
#include "shared/uuid.hpp"

namespace db {

// The rows of one statement. Cells are read by the type of the member; a column of another type
// throws std::logic_error.
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
// An enumeration is stored as its number, and texts as a JSON array.
template <class T>
requires std::is_enum_v<T>
void read_cell(const Rows& rows, std::size_t row, std::size_t column, T& out) {
    out = static_cast<T>(rows.integer(row, column));
}
void read_cell(const Rows& rows, std::size_t row, std::size_t column,
               std::vector<std::string>& out);
template <class T>
void read_cell(const Rows& rows, std::size_t row, std::size_t column, std::optional<T>& out) {
    if (rows.is_null(row, column)) return out.reset();
    read_cell(rows, row, column, out.emplace());
}

// Throws std::logic_error, which names the query and the column, unless the columns are these
// fields in this order.
void check_columns(const Rows& rows, const char* query, const std::string_view* fields,
                   std::size_t count);

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

// Writes a cell as JSON; texts go from the row to the writer without a copy.
template <class T>
void write_cell(json::Writer& writer, const Rows& rows, std::size_t row, std::size_t column) {
    if constexpr (std::is_same_v<T, std::string>) {
        writer.string(rows.text(row, column));
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
        writer.raw(rows.text(row, column));
    } else {
        T value;
        read_cell(rows, row, column, value);
        json::Type<T>::write(writer, value);
    }
}

// The rows of one statement, each of them a T. A view: the rows must outlive it.
template <class T>
class TypedRows {
public:
    // Throws std::logic_error unless the columns are the declared fields of T, by name and in
    // order.
    TypedRows(const Rows& rows, const char* query) : rows_(rows) {
        static constexpr auto names = json::field_names<T>();
        check_columns(rows, query, names.data(), names.size());
    }

    std::size_t size() const { return rows_.size(); }
    bool empty() const { return rows_.empty(); }
    T operator[](std::size_t row) const { return aggregate<T>(rows_, row); }

    std::vector<T> all() const {
        std::vector<T> values;
        values.reserve(size());
        for (std::size_t row = 0; row < size(); ++row) values.push_back((*this)[row]);
        return values;
    }

    // Returns the first `count` rows as a canonical JSON array. The text is that of all(), but
    // without the aggregates in between, which take a third of the time for a long list.
    std::string json(std::size_t count) const {
        std::string text;
        json::Writer writer{text};
        writer.begin_array();
        for (std::size_t row = 0; row < count; ++row) {
            writer.begin_object();
            json::for_each_field<T>([&](const auto& field, std::size_t column) {
                using Member = std::remove_cvref_t<decltype(std::declval<T>().*field.member)>;
                writer.key(field.name);
                write_cell<Member>(writer, rows_, row, column);
            });
            writer.end_object();
            if (row == 0) text.reserve(text.size() * (count + count / 4 + 1));
        }
        writer.end_array();
        return text;
    }

private:
    const Rows& rows_;
};

// The results of a batch. Each function throws std::logic_error for a slot of another batch, and if
// the columns are not the fields of T.
class Results {
public:
    Results() = default;
    // For a batch whose first statement has not run yet.
    explicit Results(const Batch& batch) : batch_id_(batch.id()), prepended_(batch.prepended()) {
        rows_.reserve(batch.statements().size());
    }
    // Adds the rows of the next statement.
    void add(std::unique_ptr<Rows> rows) { rows_.push_back(std::move(rows)); }

    // The first row, if there is one.
    template <class T>
    std::optional<T> first(const Slot<T>& slot) const {
        const auto found = rows(slot);
        return found.empty() ? std::nullopt : std::optional<T>{found[0]};
    }

    // The row of a statement that always returns one; throws std::logic_error if there is none.
    template <class T>
    T one(const Slot<T>& slot) const {
        const auto found = rows(slot);
        if (found.empty()) throw_no_row(slot);
        return found[0];
    }

    template <class T>
    std::vector<T> all(const Slot<T>& slot) const {
        return rows(slot).all();
    }

    template <class T>
    TypedRows<T> rows(const Slot<T>& slot) const& {
        return {rows_at(slot), slot.query->name};
    }
    const Rows& rows(const Slot<void>& slot) const& { return rows_at(slot); }
    template <class T>
    void rows(const Slot<T>& slot) const&& = delete;

    // The rows of the statement that was prepended last and therefore ran first. There must be one.
    const Rows& prepended() const& { return *rows_.at(0); }

private:
    const Rows& rows_at(const Place& place) const;
    [[noreturn]] static void throw_no_row(const Place& place);

    std::uint64_t batch_id_ = 0;
    std::size_t prepended_ = 0;
    std::vector<std::unique_ptr<Rows>> rows_;
};

}  // namespace db
