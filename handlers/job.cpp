// /jobs/{id}: one job.
// GET → 200 job | 304 | 401 | 404 | 412 | 422 | 429
#include "shared/handler.hpp"
#include "shared/models/job.hpp"
#include "sql/jobs.hpp"

namespace {

Async<Response> get(const Request& request, Context& context) {
    const auto job = co_await context.db.maybe<Job>(sql::find_job, request.uuid("id"));
    if (!job) throw ApiError{Error::not_found};
    co_return Response::ok(*job);
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/jobs/{id}",
        .id_schema = schema_of<Uuid>,
        .operations = {{.method = Method::get,
                        .handler = get,
                        .auth = Auth::key,
                        .name = "getJob",
                        .summary = "Get a job",
                        .description = "Returns a job with its status and result.",
                        .answer = ok<Job>().with_etag(),
                        .errors = {Error::not_found, Error::validation_error}}},
    };
}
