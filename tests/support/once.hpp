// What every operation with an Idempotency-Key keeps to.
#pragma once

#include <string>

#include "tests/support/service.hpp"

// Fails the test unless the response is the first one again: status, body, ETag and Location.
void expect_same(const Response& response, const Response& first);

// Makes the key as old as if the request had been sent 24 hours ago.
void expire_keys(Service& service);

// Fails the test unless the request, which adds a row to `table`, is executed once for each key and
// user: when it is repeated, also after the SQL `change` and `removal` of what was created; when
// another body is sent, one that is written differently, or an invalid one; when it is sent many
// times at once; and when the key has expired. Without a key each request is executed. The table
// must be empty, and the path must not contain a user.
void expect_created_once(Service& service, Sent sent, const std::string& other_body,
                         const std::string& table, const std::string& change,
                         const std::string& removal);
