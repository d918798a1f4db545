// Conditional requests (RFC 9110, section 13) over strong entity tags.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/error.hpp"

// The field value of If-Match or If-None-Match.
struct EntityTags {
    bool is_any = false;                   // "*"
    std::vector<std::string> strong = {};  // quotes included
    std::vector<std::string> weak = {};    // their opaque part, quotes included

    // Returns nullopt if the value is malformed: neither a list of entity tags nor "*".
    static std::optional<EntityTags> parse(std::string_view field_value);
};

// Whether the tag, quotes included, may be that of a body (entity_tag() in digest.hpp). Other tags
// may hold any bytes.
bool is_body_tag(std::string_view tag);

// Throws ApiError (precondition_failed, or weak_etag if all tags are weak) unless a GET with this
// If-Match may answer with a representation of this ETag. The comparison is strong; a malformed
// field matches nothing.
void check_if_match(std::string_view if_match, std::string_view etag);

// Whether a GET with this If-None-Match is answered 304 for a representation of this ETag. The
// comparison is weak; a malformed field is ignored.
bool is_not_modified(std::string_view if_none_match, std::string_view etag);

// What If-Match and If-None-Match require of the resource that a request writes to. The statement
// that writes compares them with the row's current tag: it proceeds if `tags` is null, or if the
// tag occurs in `tags` exactly when `is_among` is set.
struct WriteCondition {
    std::optional<std::string> tags;  // one after another
    bool is_among = true;
    Error refusal = Error::precondition_failed;  // if the resource exists
};

// Whether a write without If-Match is refused (RFC 6585, section 3).
enum class IfMatch { optional, required };

// If-Match is compared strongly, If-None-Match weakly. A malformed field refuses the write. Without
// If-Match every state matches, or none if the write requires that field.
WriteCondition write_condition(std::string_view if_match, std::string_view if_none_match,
                               IfMatch presence);
