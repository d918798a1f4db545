// Jobs, written past the handlers, and requests that carry an API key.
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
    std::string lease_id = {};  // of a job that is running
    std::int64_t expires_in_s = 60;
    std::int64_t created_in_s = -20;
};

// Adds a job, and returns its path.
std::string add_job(Service& service, const JobRow& row = {});

// The same, running under `a_lease` in its first attempt.
std::string add_running_job(Service& service, JobRow row = {});

// A cell of the job at a path, as text.
std::string job_cell(Service& service, const std::string& path, const std::string& column);

// Lets every lease expire.
void expire_leases(Service& service);

// A request with an API key.
Sent with_key(std::string method, std::string target, std::string body = {});

// {"lease_id":…} with more members.
std::string lease_body(const std::string& more = {}, const std::string& lease_id = a_lease);

// The types of all events about jobs in order, with a space behind each.
std::string job_events(Service& service);

// Fails the test unless the newest event is of this type and holds this job as it is answered, and
// no event holds a lease.
void expect_job_event(Service& service, const std::string& type, const Response& response);

// Fails the test unless an API key is asked for: no key, a wrong one, one in the query and any when
// there are none are refused alike.
void expect_needs_key(Service& service, const Sent& sent);

// Fails the test unless requests like this one are limited by RATE_LIMIT, whatever they are
// answered. Nothing may have been sent before.
void expect_is_limited(Service& service, const Sent& sent);

// Fails the test unless bodies that are no JSON, hostile or of another shape are refused, each with
// 422, and 413 and 415 are answered where they belong. `good` is one that is taken.
void expect_refuses_bad_bodies(Service& service, const std::string& target,
                               const std::string& good);

// Fails the test unless the verb needs a job's current lease: another lease, one that has expired
// or been replaced, and any lease of a job that is not running are 409 and change nothing. `more`
// are members of the body.
void expect_refuses_lost_leases(Service& service, const std::string& verb,
                                const std::string& more = {});

// Fails the test unless an id in the path that is not a UUID is 422, and an unknown one 404.
void expect_knows_its_jobs(Service& service, const std::string& verb, const std::string& body);
