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

    // Nullopt when malformed: no list of entity-tags and not "*".
    static std::optional<EntityTags> parse(std::string_view field_value);
};

// Throws ApiError (precondition_failed, or weak_etag where it holds only weak tags) unless a GET
// with this If-Match may answer with a representation of this ETag: strong comparison; a malformed
// field matches nothing.
void check_if_match(std::string_view if_match, std::string_view etag);

// True when a GET of a representation with this ETag is answered 304: weak comparison. A malformed
// field is ignored.
bool is_not_modified(std::string_view if_none_match, std::string_view etag);

// What If-Match and If-None-Match ask of the resource that a request writes to. The statement that
// writes compares it with the row's current tag: it goes on where `tags` is null, or where the tag
// occurs in `tags` and `is_among`, or does not and not `is_among`.
struct WriteCondition {
    std::optional<std::string> tags;  // one after another
    bool is_among = true;
    Error refusal = Error::precondition_failed;  // of a resource that is there
};

// If-Match is compared strongly, If-None-Match weakly. Malformed, neither lets a write through.
// Without If-Match any state will do, or none if the write needs that field.
WriteCondition write_condition(std::string_view if_match, std::string_view if_none_match,
                               bool needs_if_match);
