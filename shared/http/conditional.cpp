#include "shared/http/conditional.hpp"

#include <algorithm>

#include "shared/error.hpp"
#include "shared/text.hpp"

namespace {

bool is_etag_character(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x21 || (byte >= 0x23 && byte != 0x7f);
}

void skip_white_space(std::string_view& text) {
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
}

// Removes `W/"…"` or `"…"` from the front.
bool take_tag(std::string_view& text, EntityTags& tags) {
    const bool is_weak = text.starts_with("W/");
    if (is_weak) text.remove_prefix(2);
    if (!text.starts_with('"')) return false;
    std::size_t end = 1;
    while (end < text.size() && is_etag_character(text[end])) ++end;
    if (end == text.size() || text[end] != '"') return false;
    (is_weak ? tags.weak : tags.strong).emplace_back(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
    return true;
}

// Concatenates those that may be tags of bodies, without those in `excluded`: no other tag matches
// a row.
std::string own_tags(const std::vector<std::string>& tags, std::string_view excluded = {}) {
    std::string text;
    for (const auto& tag : tags)
        if (is_body_tag(tag) && excluded.find(tag) == excluded.npos) text += tag;
    return text;
}

// The error if no tag matches.
Error refusal_of(const std::optional<EntityTags>& if_match) {
    const bool is_weak = if_match && !if_match->is_any && if_match->strong.empty();
    return is_weak ? Error::weak_etag : Error::precondition_failed;
}

bool holds(const std::vector<std::string>& tags, std::string_view etag) {
    return std::find(tags.begin(), tags.end(), etag) != tags.end();
}

}  // namespace

std::optional<EntityTags> EntityTags::parse(std::string_view field_value) {
    EntityTags tags;
    skip_white_space(field_value);
    while (field_value.ends_with(' ') || field_value.ends_with('\t')) field_value.remove_suffix(1);
    if (field_value == "*") {
        tags.is_any = true;
        return tags;
    }
    while (!field_value.empty()) {
        // RFC 9110, section 5.6.1: a recipient accepts empty list elements.
        if (!field_value.starts_with(',') && !take_tag(field_value, tags)) return std::nullopt;
        skip_white_space(field_value);
        if (field_value.empty()) break;
        if (!field_value.starts_with(',')) return std::nullopt;
        field_value.remove_prefix(1);
        skip_white_space(field_value);
    }
    if (tags.strong.empty() && tags.weak.empty()) return std::nullopt;
    return tags;
}

bool is_body_tag(std::string_view tag) {
    return tag.size() == 66 && tag.find_first_not_of("0123456789abcdef", 1) == 65;
}

void check_if_match(std::string_view if_match, std::string_view etag) {
    if (if_match.empty()) return;
    const auto tags = EntityTags::parse(if_match);
    if (!tags || !(tags->is_any || holds(tags->strong, etag))) throw ApiError{refusal_of(tags)};
}

bool is_not_modified(std::string_view if_none_match, std::string_view etag) {
    if (if_none_match.empty()) return false;
    const auto tags = EntityTags::parse(if_none_match);
    return tags && (tags->is_any || holds(tags->strong, etag) || holds(tags->weak, etag));
}

WriteCondition write_condition(std::string_view if_match, std::string_view if_none_match,
                               IfMatch presence) {
    WriteCondition condition;
    const bool is_missing = presence == IfMatch::required && if_match.empty();
    const auto if_match_tags =
        if_match.empty() ? EntityTags{.is_any = true} : EntityTags::parse(if_match);
    condition.refusal = is_missing ? Error::precondition_required : refusal_of(if_match_tags);
    const auto unwanted = if_none_match.empty() ? EntityTags{} : EntityTags::parse(if_none_match);
    if (is_missing || !unwanted || unwanted->is_any) {
        condition.tags.emplace();
        return condition;
    }
    const auto excluded = own_tags(unwanted->strong) + own_tags(unwanted->weak);
    if (if_match_tags && if_match_tags->is_any) {
        if (excluded.empty()) return condition;
        condition.tags = excluded;
        condition.is_among = false;
        return condition;
    }
    condition.tags.emplace();
    if (if_match_tags) condition.tags = own_tags(if_match_tags->strong, excluded);
    return condition;
}
