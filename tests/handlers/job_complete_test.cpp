#include "shared/digest.hpp"
#include "tests/support/jobs.hpp"
#include "tests/support/whole_numbers.hpp"

ON_BOTH_ENGINES(job_complete, ends_the_job) {
    const auto path = add_running_job(service);
    const auto response = service.send(
        with_key("POST", path + "/complete", lease_body(R"(,"result":{"b":[1.50],"a":"x"})")));
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    const auto job = json_of(response);
    EXPECT_TEXT(member(job, "status"), "completed");
    EXPECT_TEXT(json::canonical(job["result"]), R"({"a":"x","b":[1.5]})");
    EXPECT_TEXT(member(job, "error"), "<null>");
    cr_expect_eq(job["version"].GetInt(), 2);
    cr_expect(!job.HasMember("lease_id"));
    EXPECT_TEXT(response.etag(), entity_tag(response.body()));
    expect_job_event(service, "job.completed", response);
    // A job can be completed only once.
    expect_error(service.send(with_key("POST", path + "/complete", lease_body())), Error::conflict);
    EXPECT_TEXT(job_events(service), "job.created job.completed ");
}

ON_BOTH_ENGINES(job_complete, forgets_an_earlier_error) {
    const auto path = add_running_job(service);
    service.database().execute("UPDATE jobs SET error = 'before'");
    const auto job = json_of(service.send(with_key("POST", path + "/complete", lease_body())));
    EXPECT_TEXT(member(job, "error"), "<null>");
    cr_expect(job["result"].IsNull());
}

ON_BOTH_ENGINES(job_complete, lets_one_of_two_win) {
    const auto path = add_running_job(service);
    const std::vector<Sent> both(2, with_key("POST", path + "/complete", lease_body()));
    int completed = 0;
    for (const auto& response : service.send_all(both)) completed += response.status() == 200;
    cr_expect_eq(completed, 1);
    EXPECT_TEXT(job_events(service), "job.created job.completed ");
}

ON_BOTH_ENGINES(job_complete, refuses_a_lost_lease) {
    expect_refuses_lost_leases(service, "/complete");
}

ON_BOTH_ENGINES(job_complete, knows_its_jobs) {
    expect_knows_its_jobs(service, "/complete", lease_body(""));
}

ON_BOTH_ENGINES(job_complete, keeps_whole_numbers_or_refuses_them) {
    const auto send = [&](const std::string& path, const std::string& result) {
        return service.send(
            with_key("POST", path + "/complete", lease_body(R"(,"result":)" + result)));
    };
    const auto refusing = add_running_job(service);
    expect_refuses_inexact_integers(
        "body.result", [&](const std::string& result) { return send(refusing, result); });
    EXPECT_TEXT(job_cell(service, refusing, "status"), "running");
    for (const auto& [sent, kept] : kept_numbers) {
        const auto completed = send(add_running_job(service), sent);
        cr_assert_eq(completed.status(), 200, "%s: %s", sent, shown(completed.body()).c_str());
        cr_expect(completed.body().find(R"("result":)" + std::string{kept} + ",") !=
                      completed.body().npos,
                  "%s became %s", sent, shown(completed.body()).c_str());
    }
}

ON_BOTH_ENGINES(job_complete, refuses_what_is_not_valid) {
    const auto path = add_running_job(service) + "/complete";
    const auto post = [&](const std::string& body) {
        return service.send(with_key("POST", path, body));
    };
    expect_detail(post(lease_body("", "7")), "body.lease_id", "uuid_parsing");
    expect_detail(post(lease_body(R"(,"result":")" + std::string(32 * 1024, 'x') + "\"")),
                  "body.result", "too_long");
    expect_detail(post(R"({"result":1})"), "body.lease_id", "missing");
    expect_refuses_bad_bodies(service, path, lease_body(""));
    EXPECT_TEXT(job_events(service), "job.created ");
}

ON_BOTH_ENGINES(job_complete, needs_an_api_key) {
    expect_needs_key(service,
                     with_key("POST", add_running_job(service) + "/complete", lease_body("")));
}

ON_BOTH_ENGINES(job_complete, is_limited) {
    expect_is_limited(service, with_key("POST", unknown_job + "/complete", lease_body("")));
}
