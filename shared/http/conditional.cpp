#include "shared/http/conditional.hpp"

#include <algorithm>

#include "shared/digest.hpp"
#include "shared/http/error.hpp"
#include "shared/text.hpp"

namespace {

bool is_etag_character(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x21 || (byte >= 0x23 && byte != 0x7f);
}

// Whether entity_tag() may have made it. Others match nothing, and need not be text.
bool is_own(std::string_view tag) {
    return tag.size() == 66 && tag.find_first_not_of("0123456789abcdef", 1) == 65;
}

void skip_white_space(std::string_view& text) {
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
}

// Takes `W/"…"` or `"…"` off the front.
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

}  // namespace

std::string entity_tag(std::string_view canonical_json) {
    return '"' + hex(bytes_of(sha256(canonical_json))) + '"';
}

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

bool is_not_modified(std::string_view if_none_match, std::string_view etag) {
    if (if_none_match.empty()) return false;
    const auto tags = EntityTags::parse(if_none_match);
    if (!tags) return false;
    const auto holds = [&](const auto& list) {
        return std::find(list.begin(), list.end(), etag) != list.end();
    };
    return tags->is_any || holds(tags->strong) || holds(tags->weak);
}

std::optional<std::string> expected_tags(std::string_view if_match) {
    const auto tags = EntityTags::parse(if_match);
    if (tags && tags->is_any) return std::nullopt;
    std::string list;
    if (tags)
        for (const auto& tag : tags->strong)
            if (is_own(tag)) list += tag;
    return list;
}

void refuse_write(std::string_view if_match, bool resource_exists) {
    const auto tags = EntityTags::parse(if_match);
    // Any tag would have done: it went between the two statements.
    const bool is_gone = !resource_exists || (tags && tags->is_any);
    if (is_gone) throw ApiError{Error::not_found};
    throw ApiError{if_match.empty() ? Error::precondition_required : Error::precondition_failed};
}
