#include "shared/digest.hpp"
#include "tests/support/jobs.hpp"

namespace {

Response cancel(Service& service, const std::string& path) {
    return service.send(with_key("POST", path + "/cancel"));
}

}  // namespace

ON_BOTH_ENGINES(job_cancel, ends_what_has_not_ended) {
    for (const auto& path : {add_job(service), add_running_job(service)}) {
        const auto response = cancel(service, path);
        cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
        const auto job = json_of(response);
        EXPECT_TEXT(member(job, "status"), "cancelled");
        cr_expect_eq(job["version"].GetInt(), 2);
        EXPECT_TEXT(response.etag(), entity_tag(response.body()));
        EXPECT_TEXT(job_cell(service, path, "lease_id"), "");
        expect_job_event(service, "job.cancelled", response);
        const auto events = job_events(service);
        EXPECT_TEXT(cancel(service, path).body(), std::string{response.body()});
        EXPECT_TEXT(job_events(service), events);
    }
}

ON_BOTH_ENGINES(job_cancel, refuses_what_has_ended) {
    for (const char* status : {"completed", "failed"}) {
        const auto path = add_job(service, {.status = status});
        expect_error(cancel(service, path), Error::conflict);
        EXPECT_TEXT(job_cell(service, path, "status"), status);
    }
}

ON_BOTH_ENGINES(job_cancel, knows_its_jobs) { expect_knows_its_jobs(service, "/cancel", ""); }

ON_BOTH_ENGINES(job_cancel, needs_an_api_key) {
    expect_needs_key(service, with_key("POST", add_job(service) + "/cancel"));
}

ON_BOTH_ENGINES(job_cancel, is_limited) {
    expect_is_limited(service, with_key("POST", unknown_job + "/cancel"));
}
