// /collab/state/tasks: the whole board.
// GET → 200 board | 304
#include "shared/endpoint.hpp"
#include "shared/models/collab_task.hpp"
#include "sql/collab_tasks.hpp"

namespace {

// The board as it was last rendered. While its revision stands, a request costs the database one look
// at the revision, however many tasks there are.
struct RenderedBoard {
    std::int64_t revision = -1;
    std::shared_ptr<const std::string> body;
    std::string etag;
};

struct Revision {
    std::int64_t revision = 0;
    static consteval auto fields() {
        return std::tuple{json::field("revision", &Revision::revision)};
    }
};

Async<Response> get(const Request&, Context& context) {
    auto& board = context.kept<RenderedBoard>();
    const auto asked_for = board.revision;
    // The revision is read first: if the board changes between the two, the tasks are newer than the
    // revision they are kept under, and the next request reads them again.
    db::Batch batch;
    batch.add(sql::board_revision);
    batch.add(sql::list_collab_tasks_since, asked_for);
    const auto results = co_await context.db.run(std::move(batch));
    const auto revision = db::first<Revision>(*results[0])->revision;

    // Requests overtake each other: one that knows an older board must not replace a newer one.
    if (revision > board.revision) {
        CollabState state;
        state.items = db::all<CollabTask>(*results[1]);
        auto body = std::make_shared<const std::string>(json::write(state));
        board = {revision, body, entity_tag(*body)};
    }
    co_return Response::cached(board.body, board.etag);
}

}  // namespace

const Endpoint endpoint{
    .path = "/collab/state/tasks",
    .family = Family::orchestrator,
    .operations = {{.method = Method::get,
                    .handler = get,
                    .summary = "The whole board",
                    .answer = {200, schema_of<CollabState>, true}}},
};
