#include "shared/digest.hpp"
#include "tests/support/jobs.hpp"

ON_BOTH_ENGINES(job, is_answered_with_its_etag) {
    const auto path = add_running_job(service, {.title = "t", .payload = R"({"a":[1]})"});
    const auto response = service.send(with_key("GET", path));
    cr_assert_eq(response.status(), 200);
    const auto job = json_of(response);
    EXPECT_TEXT("/jobs/" + member(job, "id"), path);
    EXPECT_TEXT(member(job, "status"), "running");
    EXPECT_TEXT(json::canonical(job["payload"]), R"({"a":[1]})");
    // Only the worker that holds a lease learns its id.
    cr_expect(!job.HasMember("lease_id"));
    EXPECT_TEXT(response.etag(), entity_tag(response.body()));
    cr_expect(!response.header("RateLimit").empty());
    auto known = with_key("GET", path);
    known.if_none_match = response.etag();
    const auto same = service.send(known);
    cr_expect_eq(same.status(), 304);
    cr_expect(!same.header("RateLimit").empty());
    auto head = known;
    head.method = "HEAD";
    head.if_none_match = "\"other\"";
    cr_expect_eq(service.send(head).status(), 200);
}

ON_BOTH_ENGINES(job, may_be_missing) {
    const auto missing = service.send(with_key("GET", unknown_job));
    expect_error(missing, Error::not_found);
    cr_expect(!missing.header("RateLimit").empty());
    expect_detail(service.send(with_key("GET", "/jobs/7")), "path.id", "uuid_parsing");
}

ON_BOTH_ENGINES(job, needs_an_api_key) { expect_needs_key(service, with_key("GET", unknown_job)); }

ON_BOTH_ENGINES(job, is_limited) { expect_is_limited(service, with_key("GET", unknown_job)); }
