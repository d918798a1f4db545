// A query with the values of its parameters, which are given by name:
//
//     db::statement(sql::insert_task, db::named("user_id", user_id), db::fields_of(input))
//
// The value of an only parameter needs no name.
//
// Each parameter of the query is given exactly once, and no others are. Otherwise std::logic_error
// names the query and the parameter that is missing, unknown or given twice.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "shared/db/query.hpp"
#include "shared/json/fields.hpp"
#include "shared/timestamp.hpp"
#include "shared/uuid.hpp"

namespace db {

// NULL, with the type that a value would have: prepared statements need to know it.
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
// An enumeration is stored as its number, and texts as a JSON array.
template <class T>
requires std::is_enum_v<T> Value value_of(T value) { return static_cast<std::int64_t>(value); }
inline Value value_of(const std::vector<std::string>& texts) { return json::write(texts); }
template <class T>
Value null_of() {
    return Null<T>{};
}
template <class T>
requires std::is_enum_v<T> Value null_of() { return Null<std::int64_t>{}; }
template <std::same_as<std::vector<std::string>> T>
Value null_of() {
    return Null<std::string>{};
}
template <class T>
Value value_of(const std::optional<T>& value) {
    return value ? value_of(*value) : null_of<T>();
}

struct Statement {
    const Query* query;
    std::vector<Value> parameters;  // in the order of the query
};

struct Named {
    std::string_view name;
    Value value;
};

// The value of the parameter `name`, which must outlive the statement's construction.
template <class T>
Named named(std::string_view name, const T& value) {
    return {name, value_of(value)};
}

// The fields of a struct. It refers to the struct, so it must not outlive the expression that
// creates the statement.
template <json::Declared T>
struct Fields {
    const T& value;
    std::string_view left_out = {};

    // All fields but this one.
    Fields without(std::string_view name) const { return {value, name}; }
};

// The declared fields of a struct, each for the parameter of its name. If the query also has a
// parameter :has_<name>, it is set to whether the field is present, as only a json::Maybe may be
// absent. A json::Maybe of an optional requires that parameter: otherwise an absent value could not
// be told from null.
template <json::Declared T>
Fields<T> fields_of(const T& value) {
    return {value};
}

// A statement that still lacks some of its parameters.
class PartialStatement {
public:
    explicit PartialStatement(const Query& query);

    // Parts are named(), fields_of(), or a value without a name if the query has one parameter.
    template <class... Parts>
    PartialStatement& give(Parts&&... parts) {
        (add(std::forward<Parts>(parts)), ...);
        return *this;
    }
    Statement finish() &&;

    const Query& query() const { return *statement_.query; }

private:
    void add(Named&& named) { set(index_of(named.name), std::move(named.value)); }
    template <class T>
    void add(const Fields<T>& fields) {
        bool is_left_out = fields.left_out.empty();
        json::for_each_field<T>([&](const auto& field) {
            if (field.name == fields.left_out)
                is_left_out = true;
            else
                add_field(field.name, fields.value.*field.member);
        });
        if (!is_left_out) refuse_left_out(fields.left_out);
    }
    template <class T>
    void add(const T& value) {
        add_only(value_of(value));
    }

    template <class T>
    void add_field(std::string_view name, const T& value) {
        set(index_of(name), value_of(value));
        add_presence(name, true);
    }
    template <class T>
    void add_field(std::string_view name, const json::Maybe<T>& value) {
        set(index_of(name), value_of(static_cast<const std::optional<T>&>(value)));
        add_presence(name, value.has_value());
    }
    template <class T>
    void add_field(std::string_view name, const json::Maybe<std::optional<T>>& value) {
        set(index_of(name), value_of(value ? *value : std::optional<T>{}));
        if (!add_presence(name, value.has_value())) refuse_without_presence(name);
    }

    std::size_t index_of(std::string_view name) const;
    void set(std::size_t index, Value value);
    void add_only(Value value);
    // Gives :has_<name>. Returns false if the query has no such parameter.
    bool add_presence(std::string_view name, bool is_there);
    [[noreturn]] void refuse_without_presence(std::string_view name) const;
    [[noreturn]] void refuse_left_out(std::string_view name) const;

    Statement statement_;
    std::uint64_t given_ = 0;  // a bit for each parameter
};

template <class... Parts>
PartialStatement partial(const Query& query, Parts&&... parts) {
    PartialStatement made{query};
    made.give(std::forward<Parts>(parts)...);
    return made;
}

template <class... Parts>
Statement statement(const Query& query, Parts&&... parts) {
    return partial(query, std::forward<Parts>(parts)...).finish();
}

}  // namespace db
