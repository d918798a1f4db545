// /healthz: readiness. It succeeds only if a write could succeed.
// GET → 200 | 503
#include "shared/db/readiness.hpp"
#include "shared/handler.hpp"
#include "shared/models/service.hpp"

namespace {

Async<Response> get(const Request&, Context& context) {
    co_await check_readiness(context.db);
    co_return Response::ok(Readiness{});
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/healthz",
        .tag = "service",
        .operations = {{.method = Method::get,
                        .handler = get,
                        .name = "getReadiness",
                        .summary = "Check that the service is ready to read and write",
                        .description =
                            "Succeeds only if a write could succeed. Refused with 503 if "
                            "the database is unreachable, read-only, or without the schema "
                            "of this release.",
                        .answer = ok<Readiness>()}},
    };
}
