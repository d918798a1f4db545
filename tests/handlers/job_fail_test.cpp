#include "shared/digest.hpp"
#include "tests/support/jobs.hpp"

namespace {

const std::string because = R"(,"error":"no route to host")";

Response fail(Service& service, const std::string& path, const std::string& more = because) {
    return service.send(with_key("POST", path + "/fail", lease_body(more)));
}

// The seconds from the failure to the next attempt.
std::int64_t pause_of(const rapidjson::Document& job) {
    return (Timestamp::parse(member(job, "run_at"))->microseconds -
            Timestamp::parse(member(job, "updated_at"))->microseconds) /
           1'000'000;
}

}  // namespace

ON_BOTH_ENGINES(job_fail, tries_again_later_and_later) {
    static constexpr struct {
        std::int64_t attempts;
        std::int64_t pause_s;
    } cases[] = {{1, 1}, {2, 2}, {3, 4}, {4, 8}, {12, 2048}, {13, 3600}, {64, 3600}, {99, 3600}};
    for (const auto& [attempts, pause_s] : cases) {
        const auto path = add_running_job(service, {.attempts = attempts, .max_attempts = 100});
        const auto response = fail(service, path);
        cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
        const auto job = json_of(response);
        EXPECT_TEXT(member(job, "status"), "pending");
        EXPECT_TEXT(member(job, "error"), "no route to host");
        cr_expect_eq(job["attempts"].GetInt64(), attempts);
        cr_expect_eq(job["version"].GetInt(), 2);
        cr_expect_eq(pause_of(job), pause_s, "%ld", static_cast<long>(pause_of(job)));
        cr_expect(!job.HasMember("lease_id"));
        EXPECT_TEXT(response.etag(), entity_tag(response.body()));
        expect_job_event(service, "job.updated", response);
        EXPECT_TEXT(job_cell(service, path, "lease_id"), "");
    }
}

ON_BOTH_ENGINES(job_fail, gives_up_after_the_last_attempt) {
    const auto path = add_running_job(service, {.attempts = 3, .max_attempts = 3});
    const auto response = fail(service, path);
    const auto job = json_of(response);
    EXPECT_TEXT(member(job, "status"), "failed");
    EXPECT_TEXT(member(job, "error"), "no route to host");
    cr_expect_lt(pause_of(job), 0);
    expect_job_event(service, "job.failed", response);
    expect_error(fail(service, path), Error::conflict);
}

ON_BOTH_ENGINES(job_fail, gives_up_when_told_so) {
    const auto path = add_running_job(service);
    const auto response = fail(service, path, because + R"(,"retry":false)");
    EXPECT_TEXT(member(json_of(response), "status"), "failed");
    expect_job_event(service, "job.failed", response);
    const auto other = add_running_job(service);
    EXPECT_TEXT(member(json_of(fail(service, other, because + R"(,"retry":true)")), "status"),
                "pending");
}

ON_BOTH_ENGINES(job_fail, refuses_a_lost_lease) {
    expect_refuses_lost_leases(service, "/fail", because);
}

ON_BOTH_ENGINES(job_fail, knows_its_jobs) {
    expect_knows_its_jobs(service, "/fail", lease_body(because));
}

ON_BOTH_ENGINES(job_fail, refuses_what_is_not_valid) {
    const auto path = add_running_job(service) + "/fail";
    const auto post = [&](const std::string& body) {
        return service.send(with_key("POST", path, body));
    };
    expect_detail(post(lease_body(because, "7")), "body.lease_id", "uuid_parsing");
    expect_detail(post(lease_body()), "body.error", "missing");
    expect_detail(post(lease_body(R"(,"error":"")")), "body.error", "string_too_short");
    expect_detail(post(lease_body(R"(,"error":")" + std::string(1025, 'x') + "\"")), "body.error",
                  "string_too_long");
    expect_detail(post(lease_body(because + R"(,"retry":1)")), "body.retry", "bool_type");
    expect_refuses_bad_bodies(service, path, lease_body(because));
    EXPECT_TEXT(job_events(service), "job.created ");
}

ON_BOTH_ENGINES(job_fail, needs_an_api_key) {
    expect_needs_key(service,
                     with_key("POST", add_running_job(service) + "/fail", lease_body(because)));
}

ON_BOTH_ENGINES(job_fail, is_limited) {
    expect_is_limited(service, with_key("POST", unknown_job + "/fail", lease_body(because)));
}
