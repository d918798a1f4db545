// /events/ticket: issues a ticket for clients that can send neither a token nor an API key, such as
// a browser's EventSource.
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
                        .name = "createTicket",
                        .summary = "Issue a ticket for the event feed",
                        .description =
                            "Returns a ticket for `?ticket=` of the feed, because a "
                            "browser cannot send a token with `EventSource` and "
                            "`WebSocket`. It is valid for 60 seconds, but no longer than "
                            "the token or key that it was issued for.",
                        .answer = ok<Ticket>()}},
    };
}
