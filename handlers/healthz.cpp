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
                        .summary = "Check that the service is ready to read and write",
                        .answer = ok<Readiness>()}},
    };
}
