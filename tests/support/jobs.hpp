// Adds jobs without the handlers, and makes requests with an API key.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/service.hpp"

inline const std::string a_lease = "11111111-2222-4333-8444-555555555555";
inline const std::string another_lease = "99999999-2222-4333-8444-555555555555";
inline const std::string unknown_job = "/jobs/00112233-4455-6677-8899-aabbccddeeff";

struct JobRow {
    std::string title = "Send the report";
    std::string payload = "null";
    std::string status = "pending";
    std::int64_t attempts = 0;
    std::int64_t max_attempts = 3;
    std::int64_t run_in_s = -10;
    std::string lease_id = {};  // if the job is running
    std::int64_t expires_in_s = 60;
    std::int64_t created_in_s = -20;
};

// Adds a job and returns its path.
std::string add_job(Service& service, const JobRow& row = {});

// The same for a job that runs under `a_lease` in its first attempt.
std::string add_running_job(Service& service, JobRow row = {});

// Returns a column of the job at a path, as text.
std::string job_cell(Service& service, const std::string& path, const std::string& column);

// Makes every lease expire.
void expire_leases(Service& service);

// A request with an API key.
Sent with_key(std::string method, std::string target, std::string body = {});

// {"lease_id":…} with further members.
std::string lease_body(const std::string& more = {}, const std::string& lease_id = a_lease);

// The types of all events about jobs, in order, each followed by a space.
std::string job_events(Service& service);

// Fails the test unless the newest event has this type and contains the job as the response shows
// it, and no event contains a lease.
void expect_job_event(Service& service, const std::string& type, const Response& response);

// Fails the test unless the request needs an API key: no key, a wrong key, a key in the query, and
// any key while none are set are all refused alike.
void expect_needs_key(Service& service, const Sent& sent);

// Fails the test unless RATE_LIMIT applies to requests like this one, whatever their response. No
// such request may have been sent before.
void expect_is_limited(Service& service, const Sent& sent);

// Fails the test unless malformed, hostile and mismatching bodies are refused with 422, too large
// ones with 413, and other media types with 415. `good` is a body that is accepted.
void expect_refuses_bad_bodies(Service& service, const std::string& target,
                               const std::string& good);

// Fails the test unless the verb needs a job's current lease. Another lease, an expired or replaced
// one, and any lease of a job that is not running must get 409 and change nothing. `more` contains
// further members of the body.
void expect_refuses_lost_leases(Service& service, const std::string& verb,
                                const std::string& more = {});

// Fails the test unless an id that is not a UUID gets 422, and an unknown id 404.
void expect_knows_its_jobs(Service& service, const std::string& verb, const std::string& body);
