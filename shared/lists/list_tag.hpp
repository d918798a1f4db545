// The ETags of lists that have not changed. A tag names the revision of all lists of a user, which
// the database tells in the statement of each list (sql/fragments.sql), and the list and page that
// it belongs to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/db/statement.hpp"
#include "shared/version.hpp"

// The digits of a list's tag: a digest of the query and its parameters, and of the version of the
// program, which may represent rows in another way.
std::string list_digits(const db::Statement& statement, std::string_view version = service_version);

// The ETag of a list: "<digits>.<revision>", in quotes.
std::string list_tag(std::string_view digits, std::string_view revision);

// What the conditions of a request say about a list.
class ListConditions {
public:
    ListConditions(std::string_view if_match, std::string_view if_none_match,
                   std::string_view digits);

    // The revisions, at most four, whose 304 the request awaits. Empty with If-Match, whose tags
    // may be those of bodies.
    const std::vector<std::string>& revisions() const { return revisions_; }

    bool names_revision(std::string_view revision) const;
    // Whether the body's digest, in quotes, is among the tags.
    bool names_body(std::string_view etag) const;
    // Whether names_body() can be true.
    bool names_bodies() const { return !bodies_.empty(); }

private:
    std::vector<std::string> revisions_;
    std::vector<std::string> bodies_;
};
