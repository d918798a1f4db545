// /jobs/{id}/fail: its worker reports a failed attempt.
// POST → 200 job | 401 | 404 | 409 | 413 | 415 | 422 | 429
#include "shared/handler.hpp"
#include "shared/jobs/change_job.hpp"
#include "shared/models/job.hpp"
#include "sql/jobs.hpp"

namespace {

Async<Response> fail(const Request& request, Context& context) {
    const auto id = request.uuid("id");
    const auto failure = request.body<JobFailure>();
    db::Batch batch;
    const auto job = batch.add<Job>(sql::fail_job, db::named("id", id), db::fields_of(failure));
    co_return Response::ok(co_await change_job(context.db, id, std::move(batch), job));
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/jobs/{id}/fail",
        .id_schema = schema_of<Uuid>,
        .operations = {{.method = Method::post,
                        .handler = fail,
                        .auth = Auth::key,
                        .name = "failJob",
                        .summary =
                            "Report a failed attempt; the job is retried if attempts are left",
                        .description =
                            "Makes the job due again after a pause that doubles with each "
                            "attempt, or ends it if no attempts are left or `retry` is "
                            "`false`. Refused with 409 if the lease is lost.",
                        .request_schema = schema_of<JobFailure>,
                        .answer = ok<Job>().with_etag(),
                        .errors = {Error::not_found, Error::conflict}}},
    };
}
