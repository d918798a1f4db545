#include "shared/models/priority.hpp"

#include "shared/text.hpp"

namespace {

constexpr std::string_view choices = "none|low|medium|high|urgent";

json::Rules with_choices(json::Rules rules) {
    rules.choices = choices;
    return rules;
}

}  // namespace

Priority json::Type<Priority>::read(const rapidjson::Value& value, const Rules& rules,
                                    Faults& faults) {
    if (value.IsString()) return parse(text_of(value), rules, faults);
    faults.add("Input should be a valid string", "string_type");
    return {};
}

Priority json::Type<Priority>::parse(std::string_view text, const Rules& rules, Faults& faults) {
    auto name = ascii_lower(text);
    if (name == "normal") name = "medium";
    name = Type<std::string>::parse(name, with_choices(rules), faults);
    const auto* const found = std::find(priority_names.begin(), priority_names.end(), name);
    return static_cast<Priority>(found == priority_names.end() ? 0
                                                               : found - priority_names.begin());
}

void json::Type<Priority>::schema(Writer& writer, const Rules& rules) {
    Type<std::string>::schema(writer, with_choices(rules));
}
