// /jobs/{id}/heartbeat: its worker extends the lease.
// POST → 200 job | 401 | 404 | 409 | 413 | 415 | 422 | 429
#include "shared/handler.hpp"
#include "shared/jobs/change_job.hpp"
#include "shared/models/job.hpp"
#include "sql/jobs.hpp"

namespace {

Async<Response> extend(const Request& request, Context& context) {
    const auto id = request.uuid("id");
    const auto heartbeat = request.body<Heartbeat>();
    db::Batch batch;
    const auto job =
        batch.add<LeasedJob>(sql::extend_lease, db::named("id", id), db::fields_of(heartbeat));
    co_return Response::ok(co_await change_job(context.db, id, std::move(batch), job));
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/jobs/{id}/heartbeat",
        .id_schema = schema_of<Uuid>,
        .operations = {{.method = Method::post,
                        .handler = extend,
                        .auth = Auth::key,
                        .name = "extendLease",
                        .summary = "Extend the lease of a job",
                        .description = "Call it before the lease expires if the work takes longer. "
                                       "Refused with 409 if the lease is lost.",
                        .request_schema = schema_of<Heartbeat>,
                        .answer = ok<LeasedJob>(),
                        .errors = {Error::not_found, Error::conflict}}},
    };
}
