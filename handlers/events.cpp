// /events: what has happened, for those who ask now and then, and notes of clients.
// GET  → 200 page | 401 | 422
// POST → 200 its id | 401 | 413 | 415 | 422
#include <algorithm>

#include "shared/endpoint.hpp"
#include "shared/events/audience.hpp"
#include "shared/events/cursor.hpp"
#include "shared/models/event.hpp"
#include "sql/events.hpp"

namespace {

constexpr std::string_view event_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

[[noreturn]] void refuse_cursor() {
    throw ApiError{Error::validation_error,
                   {{{"query", "after"},
                     "Value error, unknown, or what comes after it is gone: read everything anew",
                     "value_error"}}};
}

Async<Response> list(const Request& request, Context& context) {
    const auto query = request.query<EventQuery>();
    const auto after = query.after.value_or("0");
    const auto cursor = EventCursor::parse(after);
    if (!cursor) refuse_cursor();
    const Audiences audiences{request.identity()};
    db::Batch batch;
    batch.add(sql::event_bounds);
    batch.add(sql::list_events_of, audiences.everybody, audiences.jobs, audiences.user,
              cursor->transaction, cursor->id, query.limit);
    batch.add(sql::event_bounds);
    const auto results = co_await context.db.run(std::move(batch));
    const auto bounds = db::first<EventBounds>(*results[0]).value();
    // After the page: nothing of it was gone by then.
    const auto start = db::first<EventBounds>(*results[2]).value().resume(after);
    if (!start) refuse_cursor();
    EventPage page{db::all<Event>(*results[1]), ""};
    const bool has_more = static_cast<std::int64_t>(page.events.size()) == query.limit;
    const bool is_full = cut_page(page.events) || has_more;
    auto next = page.events.empty() ? *start : EventCursor::parse(page.events.back().id).value();
    if (!is_full) next = std::max(next, bounds.end());
    page.next_cursor = next.text();
    co_return Response::ok(page);
}

Async<Response> note(const Request& request, Context& context) {
    const auto input = request.body<Note>();
    if (input.event.find_first_not_of(event_characters) != input.event.npos)
        throw ApiError{Error::validation_error,
                       {{{"body", "event"},
                         "Value error, use letters, digits, '.', '_' and '-'",
                         "value_error"}}};
    const auto type = "note." + input.event;
    const auto details = input.details.value_or(json::Raw{});
    const auto id = co_await context.db.one<NoteId>(sql::insert_note, type, input.target, details);
    co_return Response::ok(id);
}

}  // namespace

const Endpoint endpoint{
    .path = "/events",
    .family = Family::orchestrator,
    .operations = {{.method = Method::get,
                    .handler = list,
                    .auth = Auth::reader,
                    .summary = "What has happened, page by page",
                    .query_schema = schema_of<EventQuery>,
                    .answer = {.status = 200, .schema = schema_of<EventPage>}},
                   {.method = Method::post,
                    .handler = note,
                    .auth = Auth::user,
                    .summary = "Tell all who listen",
                    .request_schema = schema_of<Note>,
                    .answer = {.status = 200, .schema = schema_of<NoteId>}}},
};
