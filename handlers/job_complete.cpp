// /jobs/{id}/complete: its worker reports the result.
// POST → 200 job | 401 | 404 | 409 | 413 | 415 | 422 | 429
#include "shared/handler.hpp"
#include "shared/jobs/change_job.hpp"
#include "shared/metrics/counters.hpp"
#include "shared/models/job.hpp"
#include "sql/jobs.hpp"

namespace {

Async<Response> complete(const Request& request, Context& context) {
    const auto id = request.uuid("id");
    const auto done = request.body<JobResult>();
    db::Batch batch;
    const auto job = batch.add<Job>(sql::complete_job, db::named("id", id), db::fields_of(done));
    const auto changed = co_await change_job(context.db, id, std::move(batch), job);
    metrics::count(metrics::counters().completed_jobs);
    co_return Response::ok(changed);
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/jobs/{id}/complete",
        .id_schema = schema_of<Uuid>,
        .operations = {{.method = Method::post,
                        .handler = complete,
                        .auth = Auth::key,
                        .name = "completeJob",
                        .summary = "Complete a job with its result",
                        .description =
                            "Ends a job with its result. Refused with 409 if the lease is "
                            "lost: it has expired, or the job has ended.",
                        .request_schema = schema_of<JobResult>,
                        .answer = ok<Job>().with_etag(),
                        .errors = {Error::not_found, Error::conflict}}},
    };
}
