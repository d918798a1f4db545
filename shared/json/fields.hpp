// Declared fields. A type lists its members once. From that list come parsing, with every
// validation error, the JSON that is sent, its JSON Schema, and the mapping of database columns:
//
//     struct NewTask {
//         std::string title;
//         std::optional<std::string> description;
//
//         static consteval auto fields() {
//             using json::field;
//             return std::tuple{
//                 field("title", &NewTask::title).trimmed().length(1, 255),
//                 field("description", &NewTask::description).length(0, 1024),
//             };
//         }
//     };
//
// A member of type T is required. An `std::optional<T>` may be absent or null. A `json::Maybe<T>`
// may be absent, and then has no value (a PATCH); of an optional it may also be null. An
// `.optional()` member may be absent, and then keeps its default. Unknown members are refused.
//
// A rule on several members is a function of the type, which is called when all members were read:
//
//     static void check(const NewMessage& message, json::Faults& faults);
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "shared/error.hpp"
#include "shared/json/reader.hpp"
#include "shared/json/writer.hpp"
#include "shared/timestamp.hpp"
#include "shared/uuid.hpp"

namespace json {

class Faults;

// The rules for a value beyond its type.
struct Rules {
    bool may_be_absent = false;
    bool is_nullable = false;    // null counts as an empty text
    bool is_trimmed = false;     // white space at both ends is removed before the length is checked
    std::size_t min_length = 0;  // code points
    std::size_t max_length = std::numeric_limits<std::size_t>::max();
    std::int64_t minimum = -largest_exact_integer;
    std::int64_t maximum = largest_exact_integer;
    std::size_t min_items = 0;  // of an array; the other rules are those of each item
    std::size_t max_items = std::numeric_limits<std::size_t>::max();
    // Of an array of texts: of those for which it returns the same, the first one is kept.
    std::string (*identity)(std::string_view text) = nullptr;
    std::string_view choices;  // "a|b|c": the only texts allowed; empty for any
    void (*check)(std::string_view text, Faults& faults) = nullptr;  // a further check of a text
    std::string_view description;                                    // for the schema
    std::string_view example;  // a text as is, anything else as JSON
};

template <class Class, class Member>
struct Field {
    std::string_view name;
    Member Class::*member;
    Rules rules;

    consteval Field optional() const {
        return with([](Rules& r) { r.may_be_absent = true; });
    }
    // Of a text: null is the empty text.
    consteval Field nullable() const {
        return with([](Rules& r) { r.is_nullable = true; });
    }
    consteval Field trimmed() const {
        return with([](Rules& r) { r.is_trimmed = true; });
    }
    consteval Field length(std::size_t min, std::size_t max) const {
        return with([=](Rules& r) { r.min_length = min, r.max_length = max; });
    }
    consteval Field range(std::int64_t min, std::int64_t max) const {
        return with([=](Rules& r) { r.minimum = min, r.maximum = max; });
    }
    // Of an array.
    consteval Field items(std::size_t min, std::size_t max) const {
        return with([=](Rules& r) { r.min_items = min, r.max_items = max; });
    }
    consteval Field distinct_by(std::string (*identity)(std::string_view text)) const {
        return with([=](Rules& r) { r.identity = identity; });
    }
    consteval Field one_of(std::string_view choices) const {
        return with([=](Rules& r) { r.choices = choices; });
    }
    consteval Field checked(void (*check)(std::string_view text, Faults& faults)) const {
        return with([=](Rules& r) { r.check = check; });
    }
    consteval Field describe(std::string_view text) const {
        return with([=](Rules& r) { r.description = text; });
    }
    consteval Field example(std::string_view text) const {
        return with([=](Rules& r) { r.example = text; });
    }

private:
    template <class Change>
    consteval Field with(Change change) const {
        Field changed = *this;
        change(changed.rules);
        return changed;
    }
};

template <class Class, class Member>
consteval Field<Class, Member> field(std::string_view name, Member Class::*member) {
    return {name, member, {}};
}

// A member that a request may leave out: a PATCH changes only what it names.
template <class T>
struct Maybe : std::optional<T> {
    using std::optional<T>::optional;
};

template <class T>
concept Declared = requires {
    T::fields();
};

// The name of a type without its namespace. GCC ends this function's own name in "[with T = …; …]".
template <class T>
consteval std::string_view type_name() {
    std::string_view name = __PRETTY_FUNCTION__;
    name.remove_prefix(name.find("T = ") + 4);
    name = name.substr(0, name.find_first_of(";]"));
    return name.substr(name.rfind(':') + 1);  // the whole name if it has no colon
}

// Collects the faults of one request, each with its location.
class Faults {
public:
    explicit Faults(std::string root) : location_{std::move(root)} {}

    // Keeps the first faults only: a body may contain thousands.
    void add(std::string message, std::string type) {
        constexpr std::size_t most = 50;
        if (details_.size() == most) return;
        details_.push_back({location_, std::move(message), std::move(type)});
    }
    void enter(std::variant<std::string, long> step) { location_.push_back(std::move(step)); }
    void leave() { location_.pop_back(); }
    // Whether the member of the object that is being read has a fault.
    bool concern(std::string_view member) const;

    // Throws one ApiError with all of them, if there are any.
    void raise() const {
        if (!details_.empty()) throw ApiError{Error::validation_error, details_};
    }

private:
    std::vector<std::variant<std::string, long>> location_;
    std::vector<ErrorDetail> details_;
};

// How one C++ type is read from JSON, written as JSON and described by JSON Schema. A
// specialisation has read(value, rules, faults) → T (any T after a fault), write(writer, T) and
// schema(writer members, rules); and parse(text, rules, faults) → T if the type may occur in a
// query.
template <class T>
struct Type;

template <>
struct Type<std::string> {
    static std::string read(const rapidjson::Value& value, const Rules& rules, Faults& faults);
    static std::string parse(std::string_view text, const Rules& rules, Faults& faults);
    static void write(Writer& writer, const std::string& value) { writer.string(value); }
    static void schema(Writer& writer, const Rules& rules);
};

// Any JSON value, as canonical JSON (RFC 8785).
struct Raw {
    std::string text = "null";
};

// Integers beyond largest_exact_integer are refused at any depth; `length` bounds the bytes of the
// canonical text.
template <>
struct Type<Raw> {
    static Raw read(const rapidjson::Value& value, const Rules& rules, Faults& faults);
    static void write(Writer& writer, const Raw& value) { writer.raw(value.text); }
    static void schema(Writer& writer, const Rules& rules);
};

template <>
struct Type<bool> {
    static bool read(const rapidjson::Value& value, const Rules& rules, Faults& faults);
    static void write(Writer& writer, bool value) { writer.boolean(value); }
    static void schema(Writer& writer, const Rules& rules);
};

template <>
struct Type<std::int64_t> {
    static std::int64_t read(const rapidjson::Value& value, const Rules& rules, Faults& faults);
    static std::int64_t parse(std::string_view text, const Rules& rules, Faults& faults);
    static void write(Writer& writer, std::int64_t value) { writer.integer(value); }
    static void schema(Writer& writer, const Rules& rules);
};

template <>
struct Type<Uuid> {
    static Uuid read(const rapidjson::Value& value, const Rules& rules, Faults& faults);
    static void write(Writer& writer, const Uuid& value) { writer.plain(value.text()); }
    static void schema(Writer& writer, const Rules& rules);
};

// Reads every form that Timestamp::parse() accepts.
template <>
struct Type<Timestamp> {
    static Timestamp read(const rapidjson::Value& value, const Rules& rules, Faults& faults);
    static Timestamp parse(std::string_view text, const Rules& rules, Faults& faults);
    static void write(Writer& writer, const Timestamp& value) {
        const auto characters = value.characters();
        writer.plain({characters.data(), characters.size()});
    }
    static void schema(Writer& writer, const Rules& rules);
};

template <class T>
struct Type<std::optional<T>> {
    static std::optional<T> read(const rapidjson::Value& value, const Rules& rules,
                                 Faults& faults) {
        if (value.IsNull()) return std::nullopt;
        return Type<T>::read(value, rules, faults);
    }
    static std::optional<T> parse(std::string_view text, const Rules& rules, Faults& faults) {
        return Type<T>::parse(text, rules, faults);
    }
    static void write(Writer& writer, const std::optional<T>& value) {
        if (value)
            Type<T>::write(writer, *value);
        else
            writer.null();
    }
    static void schema(Writer& writer, const Rules& rules) {
        writer.key("anyOf");
        writer.begin_array();
        writer.begin_object();
        Type<T>::schema(writer, rules);
        writer.end_object();
        writer.raw(R"({"type":"null"})");
        writer.end_array();
    }
};

template <class T>
struct Type<Maybe<T>> {
    static Maybe<T> read(const rapidjson::Value& value, const Rules& rules, Faults& faults) {
        return Type<T>::read(value, rules, faults);
    }
    // A member without a value is not written at all.
    static void write(Writer& writer, const Maybe<T>& value) {
        if (value) Type<T>::write(writer, *value);
    }
    static void schema(Writer& writer, const Rules& rules) { Type<T>::schema(writer, rules); }
};

// Adds a fault, and returns false, unless the value is an array of as many items as `rules` allow.
bool check_items(const rapidjson::Value& value, const Rules& rules, Faults& faults);

// Leaves out each text whose identity an earlier one has.
void drop_repeated(std::vector<std::string>& texts, const Rules& rules);

// Writes the schema of an array around that of its items, which `write_items` writes.
void schema_of_items(Writer& writer, const Rules& rules,
                     void (*write_items)(Writer&, const Rules&));

// The parts of a text between commas, trimmed. Adds a fault for an empty part, and if there are
// more than `rules` allow.
std::vector<std::string_view> values_between_commas(std::string_view text, const Rules& rules,
                                                    Faults& faults);
void schema_of_separated(Writer& writer, const Rules& rules);

template <class T>
struct Type<std::vector<T>> {
    static std::vector<T> read(const rapidjson::Value& value, const Rules& rules, Faults& faults) {
        std::vector<T> values;
        if (!check_items(value, rules, faults)) return values;
        values.reserve(value.Size());
        for (const auto& item : value.GetArray()) {
            faults.enter(static_cast<long>(values.size()));
            values.push_back(Type<T>::read(item, rules, faults));
            faults.leave();
        }
        if constexpr (std::is_same_v<T, std::string>) drop_repeated(values, rules);
        return values;
    }
    static void write(Writer& writer, const std::vector<T>& values) {
        writer.begin_array();
        for (const auto& value : values) Type<T>::write(writer, value);
        writer.end_array();
    }
    static void schema(Writer& writer, const Rules& rules) {
        schema_of_items(writer, rules, &Type<T>::schema);
    }
};

// Several values in one parameter of a query, separated by commas.
template <class T>
struct Separated {
    std::vector<T> values;
};

// White space around a value is removed. An empty value is a fault.
template <class T>
struct Type<Separated<T>> {
    static Separated<T> parse(std::string_view text, const Rules& rules, Faults& faults) {
        Separated<T> separated;
        for (const auto part : values_between_commas(text, rules, faults))
            separated.values.push_back(Type<T>::parse(part, rules, faults));
        return separated;
    }
    // The parameter is a text, because generated clients write arrays in different ways.
    static void schema(Writer& writer, const Rules& rules) { schema_of_separated(writer, rules); }
};

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_optional<Maybe<T>> = true;
template <class T>
inline constexpr bool is_maybe = false;
template <class T>
inline constexpr bool is_maybe<Maybe<T>> = true;

template <class Class, class Member>
constexpr bool may_be_absent(const Field<Class, Member>& field) {
    return field.rules.may_be_absent || is_optional<Member>;
}

template <Declared T>
inline constexpr std::size_t field_count = std::tuple_size_v<decltype(T::fields())>;

template <Declared T>
constexpr auto field_names() {
    return std::apply(
        [](const auto&... field) {
            return std::array<std::string_view, sizeof...(field)>{field.name...};
        },
        T::fields());
}

// The indices of T's fields in the order in which JCS writes them. Names are ASCII, so byte order
// is UTF-16 order.
template <Declared T>
consteval auto canonical_order() {
    const auto names = field_names<T>();
    std::array<std::size_t, field_count<T>> order{};
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return names[a] < names[b]; });
    return order;
}

// Calls visit(field), or visit(field, index among the declared fields), for each field of T, in
// canonical order.
template <Declared T, class Visit>
void for_each_field(Visit visit) {
    [[maybe_unused]] static constexpr auto all = T::fields();
    [[maybe_unused]] static constexpr auto order = canonical_order<T>();
    [[maybe_unused]] const auto call = [&](const auto& field, std::size_t index) {
        if constexpr (std::is_invocable_v<Visit, decltype(field), std::size_t>)
            visit(field, index);
        else
            visit(field);
    };
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (call(std::get<order[I]>(all), order[I]), ...);
    }
    (std::make_index_sequence<field_count<T>>{});
}

// Whether a PATCH names no member: each field is a Maybe without a value.
template <Declared T>
bool is_empty(const T& change) {
    bool is_empty = true;
    for_each_field<T>(
        [&](const auto& field) { is_empty = is_empty && !(change.*field.member).has_value(); });
    return is_empty;
}

// Refuses values that are not objects (`model_attributes_type`) and members that T does not
// declare.
bool check_members(const rapidjson::Value& value, const std::string_view* names, std::size_t count,
                   Faults& faults);

template <Declared T>
struct Type<T> {
    static T read(const rapidjson::Value& value, const Rules&, Faults& faults) {
        static constexpr auto names = field_names<T>();
        T result{};
        if (!check_members(value, names.data(), names.size(), faults)) return result;
        for_each_field<T>([&](const auto& field) {
            using Member = std::remove_reference_t<decltype(result.*field.member)>;
            const auto found = value.FindMember(
                rapidjson::Value(rapidjson::StringRef(field.name.data(), field.name.size())));
            faults.enter(std::string{field.name});
            if (found != value.MemberEnd())
                result.*field.member = Type<Member>::read(found->value, field.rules, faults);
            else if (!may_be_absent(field))
                faults.add("Field required", "missing");
            faults.leave();
        });
        if constexpr (requires { T::check(result, faults); }) T::check(result, faults);
        return result;
    }

    static void write(Writer& writer, const T& value) {
        writer.begin_object();
        for_each_field<T>([&](const auto& field) {
            using Member = std::remove_cvref_t<decltype(value.*field.member)>;
            if constexpr (is_maybe<Member>)
                if (!(value.*field.member).has_value()) return;
            writer.key(field.name);
            Type<Member>::write(writer, value.*field.member);
        });
        writer.end_object();
    }

    static void schema(Writer& writer, const Rules&) {
        writer.key("additionalProperties");
        writer.boolean(false);
        writer.key("properties");
        writer.begin_object();
        for_each_field<T>([&](const auto& field) {
            using Member = std::remove_cvref_t<decltype(std::declval<T>().*field.member)>;
            writer.key(field.name);
            writer.begin_object();
            if constexpr (!is_optional<Member>) {
                if (field.rules.may_be_absent) {
                    writer.key("default");
                    Type<Member>::write(writer, T{}.*field.member);
                }
            }
            Type<Member>::schema(writer, field.rules);
            writer.end_object();
        });
        writer.end_object();
        writer.key("required");
        writer.begin_array();
        for_each_field<T>([&](const auto& field) {
            if (!may_be_absent(field)) writer.string(field.name);
        });
        writer.end_array();
        writer.key("title");
        writer.string(type_name<T>());
        writer.key("type");
        writer.string("object");
    }
};

// Reads a T from a JSON text. Throws one ApiError (422) that lists every fault.
template <Declared T>
T read(std::string_view text) {
    const auto document = parse(text);
    Faults faults{"body"};
    T value = Type<T>::read(document, {}, faults);
    faults.raise();
    return value;
}

// The canonical JSON of a value.
template <class T>
std::string write(const T& value) {
    std::string out;
    Writer writer{out};
    Type<T>::write(writer, value);
    return out;
}

// The JSON Schema (2020-12) of a type, as canonical JSON. A declared type has its name as `title`,
// and a member that may be absent has its value as `default`.
template <class T>
std::string schema() {
    std::string out;
    Writer writer{out};
    writer.begin_object();
    Type<T>::schema(writer, {});
    writer.end_object();
    return out;
}

}  // namespace json
