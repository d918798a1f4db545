// /jobs/{id}/cancel: cancels a job.
// POST → 200 job | 401 | 404 | 409 | 422 | 429
#include "shared/handler.hpp"
#include "shared/jobs/change_job.hpp"
#include "shared/models/job.hpp"
#include "sql/jobs.hpp"

namespace {

// A job that is cancelled already is returned unchanged.
Async<Response> cancel(const Request& request, Context& context) {
    const auto id = request.uuid("id");
    db::Batch batch;
    batch.add(sql::cancel_job, id);
    const auto job = batch.add<Job>(sql::find_cancelled_job, id);
    co_return Response::ok(co_await change_job(context.db, id, std::move(batch), job));
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/jobs/{id}/cancel",
        .id_schema = schema_of<Uuid>,
        .operations = {{.method = Method::post,
                        .handler = cancel,
                        .auth = Auth::key,
                        .name = "cancelJob",
                        .summary = "Cancel a job that has not ended",
                        .description =
                            "Ends a job that is pending or running; the lease of its "
                            "worker is lost. Refused with 409 if the job has already ended.",
                        .answer = ok<Job>().with_etag(),
                        .errors = {Error::not_found, Error::conflict, Error::validation_error}}},
    };
}
