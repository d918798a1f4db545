#include "shared/lists/list_tag.hpp"

#include <algorithm>
#include <optional>

#include "shared/digest.hpp"
#include "shared/http/conditional.hpp"
#include "shared/number.hpp"

namespace {

constexpr std::size_t digit_count = 16;
constexpr std::size_t max_revisions = 4;
constexpr std::size_t max_revision_length = 96;

std::string text_of(const std::string& value) { return value; }
std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(std::int64_t value) { return std::to_string(value); }
std::string text_of(const Uuid& value) { return value.text(); }
std::string text_of(const Timestamp& value) { return std::to_string(value.microseconds); }
template <class T>
std::string text_of(db::Null<T>) {
    return "null";
}

// The revision in a tag of these digits. It is compared as text, so it must hold no space.
std::optional<std::string> revision_in(std::string_view tag, std::string_view digits) {
    if (!tag.starts_with("\"" + std::string{digits} + ".")) return std::nullopt;
    auto revision = tag.substr(digits.size() + 2);
    revision.remove_suffix(1);
    if (revision.empty() || revision.size() > max_revision_length ||
        revision.find_first_not_of("0123456789abcdef.-") != revision.npos)
        return std::nullopt;
    return std::string{revision};
}

bool holds(const std::vector<std::string>& texts, std::string_view text) {
    return std::find(texts.begin(), texts.end(), text) != texts.end();
}

}  // namespace

// No text in it contains a NUL.
std::string list_digits(const db::Statement& statement, std::string_view version) {
    std::string all{version};
    all.append(1, '\0').append(statement.query->name);
    for (const auto& parameter : statement.parameters)
        all.append(1, '\0').append(
            std::visit([](const auto& value) { return text_of(value); }, parameter));
    return entity_tag(all).substr(1, digit_count);
}

std::string list_tag(std::string_view digits, std::string_view revision) {
    return "\"" + std::string{digits} + "." + std::string{revision} + "\"";
}

ListConditions::ListConditions(std::string_view if_match, std::string_view if_none_match,
                               std::string_view digits) {
    for (const auto field : {if_match, if_none_match}) {
        const auto tags = EntityTags::parse(field);
        if (!tags) continue;
        for (const auto* const kind : {&tags->strong, &tags->weak})
            for (const auto& tag : *kind) {
                if (is_body_tag(tag)) bodies_.push_back(tag);
                const auto revision = revision_in(tag, digits);
                if (revision && if_match.empty() && revisions_.size() < max_revisions)
                    revisions_.push_back(*revision);
            }
    }
}

bool ListConditions::names_revision(std::string_view revision) const {
    return holds(revisions_, revision);
}

bool ListConditions::names_body(std::string_view etag) const { return holds(bodies_, etag); }
