// /healthz: readiness. The database has to answer.
// GET → 200 | 503
#include "shared/endpoint.hpp"
#include "shared/models/service.hpp"
#include "sql/health.hpp"

namespace healthz {

Async<Response> get(const Request&, Context& context) {
    db::Batch batch;
    batch.add(sql::ping);
    co_await context.db.run(std::move(batch));
    co_return Response::ok(Readiness{});
}

Endpoint endpoint() {
    return {
        .path = "/healthz",
        .family = Family::probe,
        .operations = {{.method = Method::get,
                        .handler = get,
                        .summary = "Whether the service can answer: it asks the database",
                        .answer = {200, schema_of<Readiness>}}},
    };
}

}  // namespace healthz
