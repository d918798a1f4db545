// /events/ticket: what stands for a token where none can be sent, as by a browser's EventSource.
// POST → 200 ticket | 401
#include "shared/handler.hpp"
#include "shared/models/event.hpp"

namespace {

Async<Response> issue(const Request& request, Context& context) {
    co_return Response::ok(Ticket{context.tokens.issue_ticket(request.identity()), ticket_seconds});
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/events/ticket",
        .operations = {{.method = Method::post,
                        .handler = issue,
                        .auth = Auth::user_or_key,
                        .summary = "A ticket for the feed",
                        .answer = ok<Ticket>()}},
    };
}
