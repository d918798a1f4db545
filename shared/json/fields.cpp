#include "shared/json/fields.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "shared/number.hpp"
#include "shared/text.hpp"

namespace json {

namespace {

std::string counted(std::size_t count, const char* noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// Returns 'a', 'b' or 'c'.
std::string enumerated(const std::vector<std::string_view>& choices) {
    std::string text;
    for (std::size_t i = 0; i < choices.size(); ++i)
        text.append(i == 0                   ? ""
                    : i + 1 < choices.size() ? ", "
                                             : " or ")
            .append("'")
            .append(choices[i])
            .append("'");
    return text;
}

// Whether canonical JSON represents every integer exactly.
bool is_exact(const rapidjson::Value& value) {
    if (value.IsArray()) return std::all_of(value.Begin(), value.End(), is_exact);
    if (value.IsObject())
        return std::all_of(value.MemberBegin(), value.MemberEnd(),
                           [](const auto& member) { return is_exact(member.value); });
    if (value.IsInt64())
        return value.GetInt64() <= largest_exact_integer &&
               value.GetInt64() >= -largest_exact_integer;
    return true;
}

// A number without a fraction is an integer, however it is written: 3, 3.0, 3e0 (JSON Schema,
// Validation, section 6.1.1). A double beyond largest_exact_integer has lost digits.
std::optional<std::int64_t> integer_of(const rapidjson::Value& value) {
    if (value.IsInt64()) return value.GetInt64();
    if (!value.IsDouble()) return std::nullopt;
    const double number = value.GetDouble();
    if (std::trunc(number) != number || std::abs(number) > double{largest_exact_integer})
        return std::nullopt;
    return static_cast<std::int64_t>(number);
}

std::int64_t in_range(std::int64_t number, const Rules& rules, Faults& faults) {
    if (number < rules.minimum)
        faults.add("Input should be greater than or equal to " + std::to_string(rules.minimum),
                   "greater_than_equal");
    if (number > rules.maximum)
        faults.add("Input should be less than or equal to " + std::to_string(rules.maximum),
                   "less_than_equal");
    return number;
}

// Writes "description", "enum" and "examples" if there are any.
void schema_texts(Writer& writer, const Rules& rules, bool is_text = true) {
    if (!rules.description.empty()) {
        writer.key("description");
        writer.string(rules.description);
    }
    if (!rules.choices.empty()) {
        writer.key("enum");
        writer.begin_array();
        for (const auto choice : split(rules.choices, '|')) writer.string(choice);
        writer.end_array();
    }
    if (!rules.example.empty()) {
        writer.key("examples");
        writer.begin_array();
        if (is_text)
            writer.string(rules.example);
        else
            writer.raw(rules.example);
        writer.end_array();
    }
}

void schema_formatted(Writer& writer, const Rules& rules, std::string_view format) {
    schema_texts(writer, rules);
    writer.key("format");
    writer.string(format);
    writer.key("type");
    writer.string("string");
}

}  // namespace

bool Faults::concern(std::string_view member) const {
    const auto depth = static_cast<std::ptrdiff_t>(location_.size());
    return std::any_of(details_.begin(), details_.end(), [&](const ErrorDetail& detail) {
        const auto& steps = detail.location;
        return std::ssize(steps) > depth &&
               std::equal(location_.begin(), location_.end(), steps.begin()) &&
               steps[location_.size()] == std::variant<std::string, long>{std::string{member}};
    });
}

bool check_members(const rapidjson::Value& value, const std::string_view* names, std::size_t count,
                   Faults& faults) {
    if (!value.IsObject()) {
        faults.add("Input should be a valid dictionary or object to extract fields from",
                   "model_attributes_type");
        return false;
    }
    for (const auto& member : value.GetObject()) {
        const auto name = text_of(member.name);
        if (std::find(names, names + count, name) != names + count) continue;
        faults.enter(std::string{name});
        faults.add("Extra inputs are not permitted", "extra_forbidden");
        faults.leave();
    }
    return true;
}

bool check_items(const rapidjson::Value& value, const Rules& rules, Faults& faults) {
    if (!value.IsArray()) {
        faults.add("Input should be a valid list", "list_type");
        return false;
    }
    const std::size_t count = value.Size();
    const auto found = " after validation, not " + std::to_string(count);
    if (count < rules.min_items)
        faults.add("List should have at least " + counted(rules.min_items, "item") + found,
                   "too_short");
    if (count > rules.max_items)
        faults.add("List should have at most " + counted(rules.max_items, "item") + found,
                   "too_long");
    return count >= rules.min_items && count <= rules.max_items;
}

void drop_repeated(std::vector<std::string>& texts, const Rules& rules) {
    if (!rules.identity) return;
    std::set<std::string> identities;
    std::erase_if(
        texts, [&](const auto& text) { return !identities.insert(rules.identity(text)).second; });
}

void schema_of_items(Writer& writer, const Rules& rules,
                     void (*write_items)(Writer&, const Rules&)) {
    // The texts describe the array, and all other rules each item.
    Rules of_array;
    Rules of_item = rules;
    std::swap(of_array.description, of_item.description);
    std::swap(of_array.example, of_item.example);
    schema_texts(writer, of_array, false);
    writer.key("items");
    writer.begin_object();
    write_items(writer, of_item);
    writer.end_object();
    if (rules.max_items != Rules{}.max_items) {
        writer.key("maxItems");
        writer.integer(static_cast<std::int64_t>(rules.max_items));
    }
    if (rules.min_items > 0) {
        writer.key("minItems");
        writer.integer(static_cast<std::int64_t>(rules.min_items));
    }
    writer.key("type");
    writer.string("array");
}

std::vector<std::string_view> values_between_commas(std::string_view text, const Rules& rules,
                                                    Faults& faults) {
    auto parts = split(text, ',');
    if (parts.empty()) parts.emplace_back();
    std::transform(parts.begin(), parts.end(), parts.begin(), trimmed);
    if (std::find(parts.begin(), parts.end(), "") != parts.end())
        faults.add("Value error, a value before or after a comma is missing", "value_error");
    if (parts.size() > rules.max_items)
        faults.add("Value error, at most " + counted(rules.max_items, "value"), "value_error");
    std::erase(parts, "");
    return parts;
}

void schema_of_separated(Writer& writer, const Rules& rules) {
    schema_texts(writer, rules);
    writer.key("type");
    writer.string("string");
}

std::string Type<std::string>::read(const rapidjson::Value& value, const Rules& rules,
                                    Faults& faults) {
    if (value.IsString()) return parse(text_of(value), rules, faults);
    if (value.IsNull() && rules.is_nullable) return parse("", rules, faults);
    faults.add("Input should be a valid string", "string_type");
    return {};
}

std::string Type<std::string>::parse(std::string_view text, const Rules& rules, Faults& faults) {
    if (rules.is_trimmed) text = trimmed(text);
    const auto length = code_points(text);
    if (length < rules.min_length)
        faults.add("String should have at least " + counted(rules.min_length, "character"),
                   "string_too_short");
    if (length > rules.max_length)
        faults.add("String should have at most " + counted(rules.max_length, "character"),
                   "string_too_long");
    const auto choices = split(rules.choices, '|');
    if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end())
        faults.add("Input should be " + enumerated(choices), "enum");
    if (rules.check) rules.check(text, faults);
    return std::string{text};
}

void Type<std::string>::schema(Writer& writer, const Rules& rules) {
    schema_texts(writer, rules);
    if (rules.max_length != Rules{}.max_length) {
        writer.key("maxLength");
        writer.integer(static_cast<std::int64_t>(rules.max_length));
    }
    if (rules.min_length > 0) {
        writer.key("minLength");
        writer.integer(static_cast<std::int64_t>(rules.min_length));
    }
    writer.key("type");
    writer.raw(rules.is_nullable ? R"(["string","null"])" : R"("string")");
}

Raw Type<Raw>::read(const rapidjson::Value& value, const Rules& rules, Faults& faults) {
    if (!is_exact(value)) {
        faults.add("Integers should lie between -9007199254740991 and 9007199254740991",
                   "value_error");
        return {};
    }
    auto text = canonical(value);
    if (text.size() > rules.max_length)
        faults.add("JSON should have at most " + std::to_string(rules.max_length) + " bytes",
                   "too_long");
    return {std::move(text)};
}

void Type<Raw>::schema(Writer& writer, const Rules& rules) { schema_texts(writer, rules, false); }

bool Type<bool>::read(const rapidjson::Value& value, const Rules&, Faults& faults) {
    if (value.IsBool()) return value.GetBool();
    faults.add("Input should be a valid boolean", "bool_type");
    return false;
}

void Type<bool>::schema(Writer& writer, const Rules& rules) {
    schema_texts(writer, rules, false);
    writer.key("type");
    writer.string("boolean");
}

std::int64_t Type<std::int64_t>::read(const rapidjson::Value& value, const Rules& rules,
                                      Faults& faults) {
    if (const auto number = integer_of(value)) return in_range(*number, rules, faults);
    faults.add("Input should be a valid integer", "int_type");
    return 0;
}

std::int64_t Type<std::int64_t>::parse(std::string_view text, const Rules& rules, Faults& faults) {
    if (const auto number = parse_number<std::int64_t>(text))
        return in_range(*number, rules, faults);
    faults.add("Input should be a valid integer, unable to parse string as an integer",
               "int_parsing");
    return 0;
}

void Type<std::int64_t>::schema(Writer& writer, const Rules& rules) {
    schema_texts(writer, rules, false);
    if (rules.maximum != Rules{}.maximum) {
        writer.key("maximum");
        writer.integer(rules.maximum);
    }
    if (rules.minimum != Rules{}.minimum) {
        writer.key("minimum");
        writer.integer(rules.minimum);
    }
    writer.key("type");
    writer.string("integer");
}

Uuid Type<Uuid>::read(const rapidjson::Value& value, const Rules&, Faults& faults) {
    const auto uuid = value.IsString() ? Uuid::parse(text_of(value)) : std::nullopt;
    if (!uuid) faults.add("Input should be a valid UUID", "uuid_parsing");
    return uuid.value_or(Uuid{});
}

void Type<Uuid>::schema(Writer& writer, const Rules& rules) {
    schema_formatted(writer, rules, "uuid");
}

Timestamp Type<Timestamp>::read(const rapidjson::Value& value, const Rules& rules, Faults& faults) {
    return parse(value.IsString() ? text_of(value) : std::string_view{}, rules, faults);
}

Timestamp Type<Timestamp>::parse(std::string_view text, const Rules&, Faults& faults) {
    const auto moment = Timestamp::parse(text);
    if (!moment)
        faults.add("Input should be a valid datetime: 2026-01-08T12:34:56Z", "datetime_parsing");
    return moment.value_or(Timestamp{});
}

void Type<Timestamp>::schema(Writer& writer, const Rules& rules) {
    schema_formatted(writer, rules, "date-time");
}

}  // namespace json
