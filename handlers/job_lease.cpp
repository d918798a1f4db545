// /jobs/lease: leases jobs that are due, or whose lease has expired, to one worker.
// POST → 200 jobs | 401 | 413 | 415 | 422 | 429
#include <algorithm>
#include <tuple>

#include "shared/handler.hpp"
#include "shared/models/job.hpp"
#include "sql/jobs.hpp"

namespace {

// All jobs that a request takes share one lease.
Async<Response> lease(const Request& request, Context& context) {
    const auto wanted = request.body<LeaseRequest>();
    db::Batch batch;
    batch.add(sql::fail_expired_jobs);
    batch.add(sql::release_expired_jobs, wanted.limit);
    const auto leased = batch.add<LeasedJob>(sql::lease_jobs, db::named("lease_id", Uuid::random()),
                                             db::fields_of(wanted));
    const auto results = co_await context.db.run(std::move(batch));
    Leases leases{.jobs = results.all(leased)};
    const auto rank = [](const LeasedJob& job) {
        return std::tuple{job.run_at.microseconds, job.created_at.microseconds, job.id.text()};
    };
    std::sort(leases.jobs.begin(), leases.jobs.end(),
              [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
    co_return Response::ok(leases);
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/jobs/lease",
        .operations = {{.method = Method::post,
                        .handler = lease,
                        .auth = Auth::key,
                        .name = "leaseJobs",
                        .summary = "Lease jobs that are due, oldest first",
                        .description =
                            "Leases jobs that are due to one worker at a time, the oldest "
                            "`run_at` first. The list is empty if none is due. Complete or "
                            "fail each job with its `lease_id`, or it is leased again when "
                            "the lease has expired.",
                        .request_schema = schema_of<LeaseRequest>,
                        .answer = ok<Leases>()}},
    };
}
