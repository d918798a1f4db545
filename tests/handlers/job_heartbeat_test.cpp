#include "tests/support/jobs.hpp"

ON_BOTH_ENGINES(job_heartbeat, extends_the_lease) {
    const auto path = add_running_job(service);
    const auto response =
        service.send(with_key("POST", path + "/heartbeat", lease_body(R"(,"lease_seconds":3600)")));
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    const auto job = json_of(response);
    EXPECT_TEXT(member(job, "lease_id"), a_lease);
    EXPECT_TEXT(member(job, "status"), "running");
    cr_expect_eq(job["version"].GetInt(), 2);
    cr_expect_eq(job["attempts"].GetInt(), 1);
    const auto length = Timestamp::parse(member(job, "lease_expires_at"))->microseconds -
                        Timestamp::parse(member(job, "updated_at"))->microseconds;
    cr_expect_eq(length, 3'600'000'000);
    expect_job_event(service, "job.updated", response);
    const auto again = json_of(service.send(with_key("POST", path + "/heartbeat", lease_body())));
    const auto usual = Timestamp::parse(member(again, "lease_expires_at"))->microseconds -
                       Timestamp::parse(member(again, "updated_at"))->microseconds;
    cr_expect_eq(usual, 30'000'000);
}

ON_BOTH_ENGINES(job_heartbeat, refuses_a_lost_lease) {
    expect_refuses_lost_leases(service, "/heartbeat");
}

ON_BOTH_ENGINES(job_heartbeat, knows_its_jobs) {
    expect_knows_its_jobs(service, "/heartbeat", lease_body(""));
}

ON_BOTH_ENGINES(job_heartbeat, refuses_what_is_not_valid) {
    const auto path = add_running_job(service) + "/heartbeat";
    const auto post = [&](const std::string& body) {
        return service.send(with_key("POST", path, body));
    };
    expect_detail(post(lease_body("", "7")), "body.lease_id", "uuid_parsing");
    expect_detail(post(lease_body(R"(,"lease_seconds":0)")), "body.lease_seconds",
                  "greater_than_equal");
    expect_detail(post(lease_body(R"(,"lease_seconds":3601)")), "body.lease_seconds",
                  "less_than_equal");
    expect_detail(post(R"({"lease_seconds":1})"), "body.lease_id", "missing");
    expect_refuses_bad_bodies(service, path, lease_body(""));
    EXPECT_TEXT(job_events(service), "job.created ");
}

ON_BOTH_ENGINES(job_heartbeat, needs_an_api_key) {
    expect_needs_key(service,
                     with_key("POST", add_running_job(service) + "/heartbeat", lease_body("")));
}

ON_BOTH_ENGINES(job_heartbeat, is_limited) {
    expect_is_limited(service, with_key("POST", unknown_job + "/heartbeat", lease_body("")));
}
