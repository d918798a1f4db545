// Jobs: work that programs lease, do, and report on.
#pragma once

#include "shared/json/fields.hpp"

// The maximum size of a payload or a result in canonical form.
inline constexpr std::size_t max_json_bytes = 32'768;

inline constexpr std::string_view job_statuses = "pending|running|completed|failed|cancelled";

struct Job {
    Uuid id;
    std::string title;
    json::Raw payload;
    std::string status;
    std::int64_t attempts = 0;
    std::int64_t max_attempts = 0;
    Timestamp run_at;
    json::Raw result;
    std::optional<std::string> error;
    std::int64_t version = 0;
    Timestamp created_at;
    Timestamp updated_at;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("id", &Job::id),
            field("title", &Job::title).length(1, 255).example("Send the report"),
            field("payload", &Job::payload)
                .describe("Any JSON")
                .example(R"({"to":"ada@example.org"})"),
            field("status", &Job::status).one_of(job_statuses),
            field("attempts", &Job::attempts).describe("The number of leases so far").example("0"),
            field("max_attempts", &Job::max_attempts).describe("The most leases").example("3"),
            field("run_at", &Job::run_at).describe("The job is not leased before this time"),
            field("result", &Job::result)
                .describe("Any JSON; null until the job is completed")
                .example("null"),
            field("error", &Job::error).describe("Why the last attempt failed"),
            field("version", &Job::version),
            field("created_at", &Job::created_at),
            field("updated_at", &Job::updated_at),
        };
    }
};

// A job with its lease, as only its worker sees it.
struct LeasedJob : Job {
    Uuid lease_id;
    Timestamp lease_expires_at;

    static consteval auto fields() {
        using json::field;
        return std::tuple_cat(
            Job::fields(),
            std::tuple{
                field("lease_id", &LeasedJob::lease_id)
                    .describe("Identifies the lease in heartbeat, complete and fail"),
                field("lease_expires_at", &LeasedJob::lease_expires_at),
            });
    }
};

// A job as it was created, and the digest of the request that created it.
struct KeyedJob : Job {
    std::string request_digest;

    static consteval auto fields() {
        return std::tuple_cat(Job::fields(),
                              std::tuple{json::field("request_digest", &KeyedJob::request_digest)});
    }
};

struct NewJob {
    std::string title;
    json::Raw payload;
    std::optional<Timestamp> run_at;
    std::int64_t max_attempts = 3;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("title", &NewJob::title).trimmed().length(1, 255).example("Send the report"),
            field("payload", &NewJob::payload)
                .optional()
                .length(0, max_json_bytes)
                .describe(
                    "Any JSON of at most 32 KiB, with integers between -(2^53 - 1) and 2^53 - 1")
                .example(R"({"to":"ada@example.org"})"),
            field("run_at", &NewJob::run_at).describe("Now by default"),
            field("max_attempts", &NewJob::max_attempts)
                .optional()
                .range(1, 100)
                .describe("The most leases"),
        };
    }
};

// The query of a list of jobs.
struct JobQuery {
    std::optional<std::string> status;
    std::int64_t limit = 20;
    std::optional<std::string> cursor;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("status", &JobQuery::status)
                .one_of(job_statuses)
                .describe("Only jobs in this status"),
            field("limit", &JobQuery::limit)
                .optional()
                .range(1, 100)
                .describe("The most jobs on a page"),
            field("cursor", &JobQuery::cursor)
                .describe("next_cursor of the previous page, with the same status"),
        };
    }
};

struct JobList {
    std::vector<Job> jobs;
    std::optional<std::string> next_cursor;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("jobs", &JobList::jobs),
            field("next_cursor", &JobList::next_cursor).describe("Opaque; null on the last page"),
        };
    }
};

struct LeaseRequest {
    std::string worker;
    std::int64_t limit = 1;
    std::int64_t lease_seconds = 30;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("worker", &LeaseRequest::worker).trimmed().length(1, 255).example("worker-1"),
            field("limit", &LeaseRequest::limit)
                .optional()
                .range(1, 100)
                .describe("The most jobs to lease"),
            field("lease_seconds", &LeaseRequest::lease_seconds)
                .optional()
                .range(1, 3600)
                .describe("How long the leases last"),
        };
    }
};

struct Leases {
    std::vector<LeasedJob> jobs;

    static consteval auto fields() { return std::tuple{json::field("jobs", &Leases::jobs)}; }
};

inline constexpr std::string_view example_lease = "00112233-4455-6677-8899-aabbccddeeff";

struct Heartbeat {
    Uuid lease_id;
    std::int64_t lease_seconds = 30;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("lease_id", &Heartbeat::lease_id).example(example_lease),
            field("lease_seconds", &Heartbeat::lease_seconds)
                .optional()
                .range(1, 3600)
                .describe("The lease ends this long from now, even if it would have lasted longer"),
        };
    }
};

struct JobResult {
    Uuid lease_id;
    json::Raw result;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("lease_id", &JobResult::lease_id).example(example_lease),
            field("result", &JobResult::result)
                .optional()
                .length(0, max_json_bytes)
                .describe(
                    "Any JSON of at most 32 KiB, with integers between -(2^53 - 1) and 2^53 - 1")
                .example(R"({"sent":true})"),
        };
    }
};

struct JobFailure {
    Uuid lease_id;
    std::string error;
    bool retry = true;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("lease_id", &JobFailure::lease_id).example(example_lease),
            field("error", &JobFailure::error).length(1, 1024).example("no route to host"),
            field("retry", &JobFailure::retry)
                .optional()
                .describe("`false` ends the job even if attempts are left"),
        };
    }
};
