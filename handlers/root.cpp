// /: describes the service.
// GET → 200
#include "shared/handler.hpp"
#include "shared/models/service.hpp"

namespace {

Async<Response> get(const Request&, Context&) { co_return Response::ok(ServiceInfo{}); }

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/",
        .tag = "service",
        .operations = {{.method = Method::get,
                        .handler = get,
                        .summary = "Describe the service",
                        .answer = ok<ServiceInfo>()}},
    };
}
