// /jobs: lists and adds jobs, for programs that have an API key.
// GET  → 200 page | 304 | 401 | 412 | 422 | 429
// POST → 200 job | 401 | 413 | 415 | 422 | 429
#include "shared/digest.hpp"
#include "shared/handler.hpp"
#include "shared/models/job.hpp"
#include "sql/jobs.hpp"

namespace {

// The position before all jobs: lists begin with the newest.
MomentAndUuid start_of_list() {
    MomentAndUuid start{.moment = Timestamp::last(), .id = {}};
    start.id.bytes.fill(0xff);
    return start;
}

Async<Response> list(const Request& request, Context& context) {
    const auto query = request.query<JobQuery>();
    const auto name = "jobs " + query.status.value_or("");
    const auto start = query.cursor ? read_uuid_cursor(name, *query.cursor) : start_of_list();
    db::Batch batch;
    auto select = db::partial(query.status ? sql::list_jobs_of_status : sql::list_jobs,
                              db::named("before", start.moment), db::named("before_id", start.id),
                              db::named("limit", query.limit + 1));
    if (query.status) select.give(db::named("status", *query.status));
    const auto listed = batch.add<Job>(std::move(select).finish());
    const auto results = co_await context.db.run(std::move(batch));
    JobList page{.jobs = results.all(listed), .next_cursor = std::nullopt};
    if (std::ssize(page.jobs) > query.limit) {
        page.jobs.pop_back();
        const auto& last = page.jobs.back();
        page.next_cursor = write_cursor(name, {.moment = last.created_at, .id = last.id});
    }
    co_return Response::ok(page);
}

// Creates one job for all requests with the same key. Each gets the answer to the first one.
Async<Job> create_once(const std::string& key, const NewJob& wanted, const Request& request,
                       Context& context) {
    const auto& owner = request.api_key();
    const auto id = Uuid::random();
    const auto digest = entity_tag(json::write(wanted));
    db::Batch batch;
    batch.add(sql::take_idempotency_key, db::named("api_key", owner), db::named("key", key),
              db::named("request_digest", digest), db::named("job_id", id),
              db::named("run_at", wanted.run_at));
    batch.add(sql::insert_job_of_key, db::named("api_key", owner), db::named("key", key),
              db::named("job_id", id), db::fields_of(wanted).without("run_at"));
    const auto found = batch.add<KeyedJob>(sql::find_job_of_key, db::named("api_key", owner),
                                           db::named("key", key));
    const auto results = co_await context.db.run(std::move(batch));
    auto job = results.first(found);
    // The job was pruned at this very moment: the next request creates a new one.
    if (!job) throw ApiError{Error::service_unavailable};
    if (job->request_digest != digest)
        throw invalid({"header", "Idempotency-Key"},
                      "Value error, another body was sent with this key");
    co_return std::move(*job);
}

Async<Response> create(const Request& request, Context& context) {
    const auto key = request.idempotency_key();
    const auto wanted = request.body<NewJob>();
    Job job;
    if (key) {
        job = co_await create_once(*key, wanted, request, context);
    } else {
        job = co_await context.db.one<Job>(sql::insert_job, db::named("id", Uuid::random()),
                                           db::fields_of(wanted));
    }
    co_return Response::ok(job).with("Location", "/jobs/" + job.id.text());
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/jobs",
        .operations = {{.method = Method::get,
                        .handler = list,
                        .auth = Auth::key,
                        .name = "listJobs",
                        .summary = "List jobs, newest first",
                        .description =
                            "Returns a page of jobs. `next_cursor` leads to the next page.",
                        .query_schema = schema_of<JobQuery>,
                        .answer = ok<JobList>().with_etag()},
                       {.method = Method::post,
                        .handler = create,
                        .auth = Auth::key,
                        .name = "createJob",
                        .summary = "Add a job, only once for each Idempotency-Key",
                        .description = "Adds a job for the workers.",
                        .request_schema = schema_of<NewJob>,
                        .answer = ok<Job>().with_etag().with_location(),
                        .takes_idempotency_key = true}},
    };
}
