// /events: the event feed in pages, and notes that clients publish.
// GET  → 200 page | 401 | 422
// POST → 200 its id | 401 | 413 | 415 | 422
#include "shared/events/page.hpp"
#include "shared/handler.hpp"
#include "sql/events.hpp"

namespace {

constexpr std::string_view event_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

[[noreturn]] void refuse_cursor() {
    throw invalid({"query", "after"},
                  "Value error, unknown, of another history of the feed, or events after it were "
                  "removed: read everything again");
}

Async<Response> list(const Request& request, Context& context) {
    const auto query = request.query<EventQuery>();
    const auto after = query.after.value_or("0");
    const auto cursor = EventCursor::parse(after);
    if (!cursor) refuse_cursor();
    const EventFilter filter{query.types, query.subject};
    const Audiences audiences{request.identity(), context.config.board_public};
    const FeedMark mark{context.config};
    auto reading =
        filter.accepts_all()
            ? read_page(context.db, mark, audiences, *cursor, query.limit)
            : read_filtered_page(context.db, mark, audiences, filter, *cursor, query.limit);
    auto page = co_await std::move(reading);
    if (!page.bounds.resume(after)) refuse_cursor();
    co_return Response::ok(EventPage{std::move(page.events), page.next.text()});
}

Async<Response> note(const Request& request, Context& context) {
    const auto input = request.body<Note>();
    if (input.event.find_first_not_of(event_characters) != input.event.npos)
        throw invalid({"body", "event"}, "Value error, use letters, digits, '.', '_' and '-'");
    const auto type = "note." + input.event;
    const auto data = input.details.value_or(json::Raw{});
    const RequestKey key{request, "notes"};
    db::Batch batch;
    const auto inserted =
        batch.add<NoteId>(sql::insert_note, db::named("type", type),
                          db::named("subject", input.target), db::named("data", data));
    const auto read = batch.add<EventBounds>(sql::event_bounds);
    const auto done =
        co_await key.run(context.db, std::move(batch), inserted, type, AnswerOf::note);
    NoteId id;
    EventBounds last_bounds;
    if (done.first) {
        id.id = done.first->answer.text;
        last_bounds = co_await context.db.one<EventBounds>(sql::event_bounds);
    } else {
        id = done.results.one(inserted);
        last_bounds = done.results.one(read);
    }
    const FeedMark mark{context.config};
    const auto bounds = co_await mark.check(context.db.lasting(), last_bounds);
    id.id.append("-").append(bounds.epoch());
    co_return Response::ok(id);
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/events",
        .operations = {{.method = Method::get,
                        .handler = list,
                        .auth = Auth::reader,
                        .name = "listEvents",
                        .summary = "List events in commit order",
                        .description =
                            "Returns events after a cursor, in commit order: those of the "
                            "board and notes for everyone, with a token also the user's "
                            "own, with an API key also those of jobs. A cursor whose "
                            "events have been pruned is 422.",
                        .query_schema = schema_of<EventQuery>,
                        .answer = ok<EventPage>()},
                       {.method = Method::post,
                        .handler = note,
                        .auth = Auth::user,
                        .name = "publishNote",
                        .summary = "Publish a note on the event feed",
                        .description =
                            "Publishes an event of the type `note.<event>` that everyone "
                            "can read.",
                        .request_schema = schema_of<Note>,
                        .answer = ok<NoteId>(),
                        .takes_idempotency_key = true}},
    };
}
