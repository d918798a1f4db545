// /health: reports the state of the service to people and dashboards. It never returns an error.
// GET → 200 healthy | 200 degraded
#include "shared/db/readiness.hpp"
#include "shared/db/sqlstate.hpp"
#include "shared/handler.hpp"
#include "shared/log.hpp"
#include "shared/models/service.hpp"

namespace {

Async<bool> is_database_ready(const Request& request, Context& context) {
    try {
        co_await check_readiness(context.db);
        co_return true;
    } catch (const DbError& error) {
        const auto reason = error.what() + std::string{remedy_for_sqlstate(error.sqlstate())};
        logging::warning("database unreachable", {{"request_id", request.request_id()},
                                                  {"reason", std::string_view{reason}}});
        co_return false;
    }
}

Async<Response> get(const Request& request, Context& context) {
    const bool is_ready = co_await is_database_ready(request, context);
    // Dashboards expect these two words, whatever keeps the database from serving.
    co_return Response::ok(is_ready ? Health{"healthy", "connected"}
                                    : Health{"degraded", "disconnected"});
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/health",
        .tag = "service",
        .operations =
            {{.method = Method::get,
              .handler = get,
              .name = "getHealth",
              .summary = "Report the state of the service; 200 even if the database is unreachable",
              .description = "For people and dashboards. The answer is 200 even if the "
                             "database is unreachable: `status` is then `degraded`.",
              .answer = ok<Health>()}},
    };
}
