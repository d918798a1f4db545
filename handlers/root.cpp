// /: describes the service.
// GET → 200. nginx sends a page to browsers instead (Answer::with_html()).
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
                        .name = "getServiceInfo",
                        .summary = "Describe the service",
                        .description =
                            "Returns the version and where the documentation is. A browser "
                            "gets a page with links instead.",
                        .answer = ok<ServiceInfo>().with_html()}},
    };
}
