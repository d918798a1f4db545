// Conditional requests (RFC 9110, section 13) over strong entity tags.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// A strong ETag, quotes included: the hex SHA-256 of the bytes that are sent, which are canonical
// JSON (RFC 8785).
std::string entity_tag(std::string_view canonical_json);

// The field value of If-Match or If-None-Match.
struct EntityTags {
    bool is_any = false;              // "*"
    std::vector<std::string> strong;  // quotes included
    std::vector<std::string> weak;    // their opaque part, quotes included

    // Nullopt when malformed: no list of entity-tags and not "*".
    static std::optional<EntityTags> parse(std::string_view field_value);
};

// True when a GET of a representation with this ETag is answered 304: weak comparison. A malformed
// field is ignored.
bool is_not_modified(std::string_view if_none_match, std::string_view etag);

// What a conditional write hands to its statement, which compares it with the row's current tag in
// the write's own transaction: the strong tags one after another, nullopt for "*" (any), and for an
// absent or malformed field a text that holds no tag.
std::optional<std::string> expected_tags(std::string_view if_match);

// Why a conditional write changed nothing: throws not_found when the resource does not exist, then
// precondition_required when there was no If-Match, then precondition_failed.
[[noreturn]] void refuse_write(std::string_view if_match, bool resource_exists);
