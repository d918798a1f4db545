// /jobs/{id}/complete: its worker has done it.
// POST → 200 job | 401 | 404 | 409 | 413 | 415 | 422 | 429
#include "shared/handler.hpp"
#include "shared/jobs/changed_job.hpp"
#include "shared/models/job.hpp"
#include "sql/jobs.hpp"

namespace job_complete {

Async<Response> complete(const Request& request, Context& context) {
    const auto id = request.uuid("id");
    const auto done = request.body<JobResult>();
    db::Batch batch;
    batch.add(sql::complete_job, id, done.lease_id, done.result);
    batch.add(sql::job_exists, id);
    const auto results = co_await context.db.run(std::move(batch));
    co_return Response::ok(changed_job<Job>(results));
}

Endpoint endpoint() {
    return {
        .path = "/jobs/{id}/complete",
        .id_schema = schema_of<Uuid>,
        .operations = {{.method = Method::post,
                        .handler = complete,
                        .auth = Auth::key,
                        .summary = "Say that the job is done",
                        .request_schema = schema_of<JobResult>,
                        .answer = ok<Job>().with_etag(),
                        .errors = {Error::not_found, Error::conflict}}},
    };
}

}  // namespace job_complete
